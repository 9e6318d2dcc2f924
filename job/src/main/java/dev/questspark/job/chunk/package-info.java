/**
 * Cuts a document beyond the window into chunks: where its sections begin, and how neighbours are
 * packed. Knows nothing of engines or Spark.
 */
package dev.questspark.job.chunk;
