/**
 * The ops on an NVIDIA GPU: one launch per op. The kernels are the {@code .cu} files of the same
 * names.
 *
 * <p>Who does what: {@link dev.questspark.engine.ops.cuda.CudaBackend} opens and owns everything;
 * {@code CudaTensorOps} maps an op to a launch; {@code Launch} checks and packs its arguments. What
 * the driver gives, and who asks it, is {@link dev.questspark.engine.ops.cuda.driver}.
 */
package dev.questspark.engine.ops.cuda;
