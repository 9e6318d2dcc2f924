package dev.questspark.engine.model;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.sample.RowSampling;
import java.util.BitSet;
import java.util.List;

/**
 * How tokens are drawn and when a row ends, with the names and meanings of vLLM and OpenAI. Made by
 * a {@link Builder}, whose setters have these names.
 *
 * @param maxTokens most tokens to generate, at least 1
 * @param temperature 0 for greedy
 * @param topP nucleus mass in (0, 1]; 1 keeps all
 * @param topK best tokens kept; 0 keeps all
 * @param minP tokens below minP times the best probability are dropped; 0 keeps all
 * @param repetitionPenalty divides positive and multiplies negative logits of tokens already in
 *     prompt or output; 1 is off
 * @param seed the row's seed; rows with equal seed and prompt draw alike regardless of the batch
 * @param stop strings that end the row; cut from the text
 * @param stopTokenIds token ids that end the row, the model's end-of-sequence ids included by the
 *     caller; not part of the text
 * @param ignoreEos ignore end-of-sequence and generate maxTokens (benchmarks)
 */
public record SamplingParams(
    int maxTokens,
    float temperature,
    float topP,
    int topK,
    float minP,
    float repetitionPenalty,
    long seed,
    List<String> stop,
    List<Integer> stopTokenIds,
    boolean ignoreEos) {

  public SamplingParams {
    stop = List.copyOf(stop);
    stopTokenIds = List.copyOf(stopTokenIds);
    if (stop.contains("")) {
      throw new ConfigException("stop holds an empty string, which would end every row at once");
    }
    require(maxTokens >= 1, "max_tokens", maxTokens, "at least 1");
    require(temperature >= 0, "temperature", temperature, "0 (greedy) or more");
    require(topP > 0 && topP <= 1, "top_p", topP, "above 0 and at most 1");
    require(topK >= 0, "top_k", topK, "0 (off) or more");
    require(minP >= 0 && minP < 1, "min_p", minP, "at least 0 and below 1");
    require(repetitionPenalty > 0, "repetition_penalty", repetitionPenalty, "above 0");
  }

  /**
   * How a row's next token is drawn.
   *
   * @param seen tokens of its prompt and output; null where the repetition penalty is off
   * @param position tokens that the row has generated before this one
   */
  public RowSampling row(BitSet seen, int position) {
    return new RowSampling(
        temperature, topK, topP, minP, repetitionPenalty, seen, RowRandom.uniform(seed, position));
  }

  private static void require(boolean holds, String key, Number value, String allowed) {
    if (!holds) {
      throw new ConfigException(key + " is " + value + "; it must be " + allowed);
    }
  }

  /**
   * Greedy decoding of at most {@code maxTokens} tokens that ends at any of {@code stopTokenIds}.
   */
  public static SamplingParams greedy(int maxTokens, List<Integer> stopTokenIds) {
    return builder(maxTokens).stopTokenIds(stopTokenIds).build();
  }

  /** Greedy decoding of exactly {@code tokens} tokens, whatever they are. */
  public static SamplingParams endless(int tokens) {
    return builder(tokens).ignoreEos(true).build();
  }

  /** Starts from greedy decoding without ends, of at most {@code maxTokens} tokens. */
  public static Builder builder(int maxTokens) {
    return new Builder(maxTokens);
  }

  /** Parameters under construction: greedy decoding, but for what was set. */
  public static final class Builder {
    private final int maxTokens;
    private float temperature;
    private float topP = 1;
    private int topK;
    private float minP;
    private float repetitionPenalty = 1;
    private long seed;
    private List<String> stop = List.of();
    private List<Integer> stopTokenIds = List.of();
    private boolean ignoreEos;

    private Builder(int maxTokens) {
      this.maxTokens = maxTokens;
    }

    public Builder temperature(float temperature) {
      this.temperature = temperature;
      return this;
    }

    public Builder topP(float topP) {
      this.topP = topP;
      return this;
    }

    public Builder topK(int topK) {
      this.topK = topK;
      return this;
    }

    public Builder minP(float minP) {
      this.minP = minP;
      return this;
    }

    public Builder repetitionPenalty(float repetitionPenalty) {
      this.repetitionPenalty = repetitionPenalty;
      return this;
    }

    public Builder seed(long seed) {
      this.seed = seed;
      return this;
    }

    public Builder stop(List<String> stop) {
      this.stop = stop;
      return this;
    }

    public Builder stopTokenIds(List<Integer> stopTokenIds) {
      this.stopTokenIds = stopTokenIds;
      return this;
    }

    public Builder ignoreEos(boolean ignoreEos) {
      this.ignoreEos = ignoreEos;
      return this;
    }

    /**
     * The parameters.
     *
     * @throws ConfigException if a value is out of its range
     */
    public SamplingParams build() {
      return new SamplingParams(
          maxTokens,
          temperature,
          topP,
          topK,
          minP,
          repetitionPenalty,
          seed,
          stop,
          stopTokenIds,
          ignoreEos);
    }
  }
}
