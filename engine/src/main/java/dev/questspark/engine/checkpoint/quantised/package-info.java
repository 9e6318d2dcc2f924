/** Checkpoints whose matrices are small numbers under scales, widened while they are read. */
package dev.questspark.engine.checkpoint.quantised;
