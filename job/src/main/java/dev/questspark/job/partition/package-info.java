/**
 * Partitions of equal work: the longest documents are placed first, so no task is the straggler.
 */
package dev.questspark.job.partition;
