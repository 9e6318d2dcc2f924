package dev.questspark.engine.schedule;

/**
 * What becomes of a document when its last row is computed: its first tokens move from their live
 * pages to pages of a prefix store, and the live pages are free again.
 *
 * @param tokens first tokens that move, a multiple of the live page size; at least one page of them
 * @param store index of the prefix store that takes them
 * @param pages pages of that store that they take, over all layers and KV heads, at least 1
 * @param scratchPages live pages that are needed beside the document's while they move
 */
public record PrefixWork(int tokens, int store, int pages, int scratchPages) {

  public PrefixWork {
    if (tokens < 1 || store < 0 || pages < 1 || scratchPages < 0) {
      throw new IllegalArgumentException(
          "a prefix of " + tokens + " tokens in " + pages + " pages of store " + store);
    }
  }

  /** A prefix that needs no page beside its own to move. */
  public PrefixWork(int tokens, int store, int pages) {
    this(tokens, store, pages, 0);
  }
}
