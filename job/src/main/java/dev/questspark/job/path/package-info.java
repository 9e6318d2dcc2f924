/** Paths as users write them: brackets, colons, blanks and all. */
package dev.questspark.job.path;
