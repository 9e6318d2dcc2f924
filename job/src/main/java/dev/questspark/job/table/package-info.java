/** Answers in a table of a catalog, beside those in the output folder. */
package dev.questspark.job.table;
