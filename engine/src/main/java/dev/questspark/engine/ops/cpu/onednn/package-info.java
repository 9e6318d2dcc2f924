/** The oneDNN library, and the memory that it reads. */
package dev.questspark.engine.ops.cpu.onednn;
