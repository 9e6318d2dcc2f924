/** The ops on prefixes on the CPU. */
package dev.questspark.engine.ops.cpu.prefix;
