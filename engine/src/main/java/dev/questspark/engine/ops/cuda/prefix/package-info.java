/** The ops on prefixes on a GPU. */
package dev.questspark.engine.ops.cuda.prefix;
