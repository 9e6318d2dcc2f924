/**
 * Digests of blocks of keys, and the scores that are computed from them: one class per score, and
 * their registry.
 */
package dev.questspark.engine.ops.digest;
