/**
 * SQL functions over the engine ({@code spark.sql.extensions}). A call is an expression that cannot
 * be evaluated row by row; the optimiser takes all calls of a plan node into one {@link
 * dev.questspark.job.sql.EngineCallNode} below it, as late as the plan allows, and its physical
 * node streams whole partitions through the executor's engine.
 */
package dev.questspark.job.sql;
