/**
 * The embedded backend: every verb on the processor's cores, over Java heap arrays. {@link
 * dev.questspark.engine.ops.cpu.CpuTensorOps} lists the verbs; each family has a class of its own.
 */
package dev.questspark.engine.ops.cpu;
