package dev.questspark.engine.select;

/** Memory beside the page lists that some selectors need: planned when the engine opens. */
public enum SelectionScratch {
  /** A score of every query head, where the heads of a group are reduced together. */
  HEAD_SCORES,
  /** Room in page lists and scores for single tokens. */
  TOKEN_LISTS,
  /** Every key once more in 4 bits. */
  INT4_KEYS
}
