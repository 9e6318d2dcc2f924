/**
 * Paths in, documents out. A record that cannot be used becomes a document with a defect, never a
 * lost row and never a crash.
 */
package dev.questspark.job.corpus;
