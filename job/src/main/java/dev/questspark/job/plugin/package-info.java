/**
 * The job's part inside Spark's own processes: checks when an executor starts, metrics while it
 * runs, engines closed when it ends.
 */
package dev.questspark.job.plugin;
