/**
 * What an evaluation asks: generated suites (passkey, needle, RULER's multi-key and variable
 * tracking), published data folders (LongBench, kvpress columns), the corpus itself, perplexity.
 * All run on the driver and are seeded.
 */
package dev.questspark.job.eval.suite;
