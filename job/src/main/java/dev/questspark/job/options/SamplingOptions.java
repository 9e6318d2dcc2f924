package dev.questspark.job.options;

import dev.questspark.engine.failure.ConfigException;
import java.io.Serializable;
import java.util.List;

/** What {@link dev.questspark.job.options.keys.SamplingKeys} say. */
public record SamplingOptions(Draw draw, AnswerEnd end) implements Serializable {
  /** How a token is drawn; as vLLM names it. */
  public record Draw(
      double temperature, double topP, int topK, double minP, double repetitionPenalty, long seed)
      implements Serializable {}

  /**
   * Where an answer ends.
   *
   * @param stop texts
   * @param stopTokenIds besides the model's own
   */
  public record AnswerEnd(
      int maxTokens, List<String> stop, List<Integer> stopTokenIds, boolean ignoreEos)
      implements Serializable {

    /**
     * Refuses an answer that fills the whole context.
     *
     * @param maxModelLen tokens
     * @throws ConfigException when no prompt has room beside it
     */
    public void refuseWithoutRoom(int maxModelLen) {
      if (maxTokens >= maxModelLen) {
        throw new ConfigException(
            "max_tokens "
                + maxTokens
                + " leaves no room for a prompt in max_model_len "
                + maxModelLen
                + "; lower --max-tokens.");
      }
    }
  }
}
