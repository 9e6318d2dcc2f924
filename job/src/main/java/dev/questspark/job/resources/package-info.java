/**
 * What the stage that runs the engine asks of Spark: GPUs, cores, memory, and which GPU a task got.
 */
package dev.questspark.job.resources;
