/**
 * Prefixes: documents compressed once, in pages of one layer and KV head each, and the ops that
 * write and read them.
 */
package dev.questspark.engine.ops.prefix;
