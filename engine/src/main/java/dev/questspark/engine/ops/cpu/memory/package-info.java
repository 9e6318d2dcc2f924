/** Arrays, native memory, and the threads that share the work on them. */
package dev.questspark.engine.ops.cpu.memory;
