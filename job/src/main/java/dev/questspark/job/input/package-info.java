/** The files of an input, and the records in them: which are read, and what each record holds. */
package dev.questspark.job.input;
