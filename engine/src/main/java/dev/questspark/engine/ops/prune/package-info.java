/**
 * Fewer tokens than a list of pages names: the keys in 4 bits that attention weights are estimated
 * from, and the share of these weights that is kept.
 */
package dev.questspark.engine.ops.prune;
