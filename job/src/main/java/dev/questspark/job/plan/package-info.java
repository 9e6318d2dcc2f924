/** What documents would take, before anything runs. */
package dev.questspark.job.plan;
