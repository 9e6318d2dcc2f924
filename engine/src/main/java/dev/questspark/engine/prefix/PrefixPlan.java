package dev.questspark.engine.prefix;

import dev.questspark.engine.ops.prefix.KeptSlots;

/**
 * What becomes of one document when it is prefilled.
 *
 * @param store index of its store
 * @param tokens first tokens that are compressed; the rest stay in live pages
 * @param kept of these
 */
public record PrefixPlan(int store, int tokens, KeptSlots kept) {}
