package dev.questspark.job.options;

import dev.questspark.engine.ops.PageScore;
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
 * @param maxQualityLoss largest loss of score of a recommended budget
 */
public record MeasureOptions(
    SuiteOptions suite,
    int questionTailCharacters,
    List<PageScore> pageScores,
    List<Integer> skipLayers,
    int repetitions,
    int speedTokens,
    int selectionStudy,
    double maxQualityLoss) {

  /**
   * What a suite makes its documents of.
   *
   * @param input null for a suite that reads none
   * @param lengths tokens of generated prompts
   * @param depths percent
   * @param samples per length and depth
   * @param maxTokens of an answer, where the suite does not set it
   */
  public record SuiteOptions(
      Suite suite,
      String input,
      List<Integer> lengths,
      List<Integer> depths,
      int samples,
      int maxTokens,
      long seed) {}
}
