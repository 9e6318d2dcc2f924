package dev.questspark.job.options;

import dev.questspark.engine.ops.digest.PageScore;
import java.util.List;

/**
 * What {@link dev.questspark.job.options.keys.MeasureKeys} say, for the command at hand: what it
 * does not read is off.
 *
 * @param suite what is asked
 * @param questionTailCharacters 0 for whole questions
 * @param pageScores to compare; empty for the one of the page selection
 * @param skipLayers to compare; empty for the one of the page selection
 * @param repetitions speed measurements per policy; 0 measures answers alone
 * @param speedTokens per row of a speed measurement
 * @param selectionStudy documents whose attention is studied
 * @param allowed what a recommended budget may cost
 */
public record MeasureOptions(
    SuiteOptions suite,
    int questionTailCharacters,
    List<PageScore> pageScores,
    List<Integer> skipLayers,
    int repetitions,
    int speedTokens,
    int selectionStudy,
    Allowed allowed) {

  /**
   * What a suite makes its documents of.
   *
   * @param input null for a suite that reads none
   * @param lengths tokens of generated prompts
   * @param depths percent
   * @param samples per length and depth
   * @param maxTokens of an answer, where the suite does not set it
   * @param windows of texts, for the suite that measures those
   */
  public record SuiteOptions(
      Suite suite,
      String input,
      List<Integer> lengths,
      List<Integer> depths,
      int samples,
      int maxTokens,
      long seed,
      Windows windows) {}

  /**
   * Which windows of texts are measured, and what stands before them.
   *
   * @param count at least so many in all
   * @param prefixTokens before each window
   * @param windowTokens of each window
   * @param offsets characters of a text at which its prefixes begin; empty to draw them
   * @param newTokens most tokens that are fed or generated behind a window's first
   */
  public record Windows(
      int count, int prefixTokens, int windowTokens, List<Integer> offsets, int newTokens) {
    /** Tokens of a text that a window needs: its last row has a token to predict. */
    public int textTokens() {
      return prefixTokens + windowTokens + 1;
    }

    /** Tokens of the longest sequence. */
    public int contextTokens() {
      return prefixTokens + 1 + newTokens;
    }
  }

  /**
   * What a recommended budget may cost against dense attention.
   *
   * @param qualityLoss of the score, 0 to 1
   * @param kl KL(dense || policy) of the next token, mean over the windows' rows, nats
   */
  public record Allowed(double qualityLoss, double kl) {}
}
