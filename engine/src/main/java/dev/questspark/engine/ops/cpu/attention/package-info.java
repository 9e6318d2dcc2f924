/** The ops that attend: page lists for decode, whole spans for prefill. */
package dev.questspark.engine.ops.cpu.attention;
