package dev.questspark.engine.prefix;

import dev.questspark.engine.ops.prefix.KeptSlots;
import dev.questspark.engine.policy.cache.heads.Reconstruction;
import java.util.Optional;

/**
 * What becomes of one document when it is prefilled.
 *
 * @param store index of its store
 * @param tokens first tokens that are compressed; the rest stay in live pages
 * @param pages of the store that they take, at most
 * @param scratchPages live pages that are needed for it
 * @param kept of these tokens; empty if they are scored first
 * @param reconstruction how
 */
public record PrefixPlan(
    int store,
    int tokens,
    int pages,
    int scratchPages,
    Optional<KeptSlots> kept,
    Optional<Reconstruction> reconstruction) {}
