/**
 * The embedded backend: every op on the processor's cores, over Java heap arrays. {@link
 * dev.questspark.engine.ops.cpu.CpuTensorOps} lists the ops and the packages below hold them:
 * {@code attention} and {@code gemm} stand on {@code pages}, {@code onednn}, {@code simd} and
 * {@code memory}, which do not know them.
 */
package dev.questspark.engine.ops.cpu;
