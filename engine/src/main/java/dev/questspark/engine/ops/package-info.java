/**
 * The seam between the model and the hardware. {@link dev.questspark.engine.ops.TensorOps} names
 * the ops; {@code ops.cpu} is the embedded default.
 */
package dev.questspark.engine.ops;
