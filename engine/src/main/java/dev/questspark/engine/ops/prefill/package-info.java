/**
 * What rows of a document read while it is prefilled: segments of rows, and the lists of key blocks
 * that each of them reads.
 */
package dev.questspark.engine.ops.prefill;
