/**
 * The op {@code linear}: weights packed in panels, multiplied by oneDNN in tiles of rows or by
 * plain Java.
 */
package dev.questspark.engine.ops.cpu.gemm;
