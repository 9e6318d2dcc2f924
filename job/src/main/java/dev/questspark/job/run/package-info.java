/** The command that answers: corpus, plan, inference, output, in this order. */
package dev.questspark.job.run;
