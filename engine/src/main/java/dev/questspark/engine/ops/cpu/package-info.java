/**
 * The embedded backend: every op on the processor's cores, over Java heap arrays. {@link
 * dev.questspark.engine.ops.cpu.CpuTensorOps} lists the ops; each family has a class of its own.
 */
package dev.questspark.engine.ops.cpu;
