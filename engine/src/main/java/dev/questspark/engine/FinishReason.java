package dev.questspark.engine;

/** Why a row ended, with OpenAI's words. */
public enum FinishReason {
  /** A stop string, stop token or end of sequence. */
  STOP,
  /** max_tokens reached. */
  LENGTH,
  /** The row failed. */
  ERROR,
  /** The engine closed before the row ended. */
  ABORT
}
