/**
 * How an answer is scored against its references: the definitions of LongBench, RULER, SQuAD and
 * the passkey test, between 0 and 1.
 */
package dev.questspark.job.eval.score;
