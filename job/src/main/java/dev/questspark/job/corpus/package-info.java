/**
 * Paths in, documents out. Whatever is wrong with one record becomes a document with a defect,
 * never a lost row and never a crash.
 */
package dev.questspark.job.corpus;
