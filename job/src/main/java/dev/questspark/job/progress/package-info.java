/** What the console shows while the job runs, and at its end. */
package dev.questspark.job.progress;
