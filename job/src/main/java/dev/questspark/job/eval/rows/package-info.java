/**
 * The rows of the tables that a measurement ends in, as records, and how records become Parquet.
 */
package dev.questspark.job.eval.rows;
