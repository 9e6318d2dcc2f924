/**
 * The ops on an NVIDIA GPU: one launch per op, through JCuda's driver API. The kernels are the
 * {@code .cu} files of the same names.
 *
 * <p>Who does what: {@link dev.questspark.engine.ops.cuda.CudaBackend} opens and owns everything;
 * {@code CudaTensorOps} maps an op to a launch; {@code CudaKernels} declares the kernels; {@code
 * Launch} checks and packs arguments; {@code LaunchRecorder} collects a step's launches and replays
 * repeated steps as a graph; {@code CudaContext}, {@code CudaStream}, {@code DevicePool} and {@code
 * PinnedBuffer} own what the driver gives.
 */
package dev.questspark.engine.ops.cuda;
