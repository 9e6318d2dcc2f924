package dev.questspark.engine.schedule;

/**
 * A document's first tokens move to pages of a prefix store, before the copies and the spans of the
 * step; its live pages belong to others from then on.
 *
 * @param documentId which document
 * @param livePages page ids of the whole document, in order
 * @param scratchPages live page ids that nobody else reads or writes meanwhile
 * @param prefixPages page ids of the prefix store, in no order
 */
public record Compression(
    long documentId, int[] livePages, int[] scratchPages, int[] prefixPages) {}
