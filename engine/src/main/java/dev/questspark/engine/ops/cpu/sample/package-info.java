/** The op {@code sample} on the CPU. */
package dev.questspark.engine.ops.cpu.sample;
