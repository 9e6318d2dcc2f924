/** The engine as a stage of Spark ML pipelines. */
package dev.questspark.job.ml;
