/**
 * The GPU through JCuda's driver API: {@code CudaContext}, {@code CudaStream}, {@code DevicePool}
 * and {@code PinnedBuffer} own what the driver gives; {@code CudaKernels} declares the kernels and
 * {@code KernelModule} loads them; {@code LaunchRecorder} collects a step's launches and replays
 * repeated steps as a graph.
 */
package dev.questspark.engine.ops.cuda.driver;
