package dev.questspark.engine.model.rope;

import java.util.Arrays;
import java.util.List;

/**
 * Rotary position embedding: the angles by which channel pairs turn per token, one type per
 * published scaling. The arithmetic is float32 in the order of Hugging Face's {@code
 * modeling_rope_utils}, because an angle error grows with the position.
 */
public sealed interface RopeConfig {

  /**
   * Angle per token of each channel pair, in radians: headDim / 2 values, fastest first.
   *
   * @param maxModelLen longest context in tokens; {@link Dynamic} and {@link LongRope} depend on it
   */
  float[] inverseFrequencies(int headDim, int maxModelLen);

  /** Factor on cosine and sine; its square scales the attention logits. */
  default float attentionFactor() {
    return 1;
  }

  /**
   * Channels of a head that turn; the pairs of the others, which come last, have an angle of 0 and
   * no factor.
   */
  default int rotatedChannels(int headDim) {
    return headDim;
  }

  /** Tokens that the scaling reaches, given the configured positions. */
  default int contextTokens(int maxPositionEmbeddings) {
    return maxPositionEmbeddings;
  }

  /** No position at all: layers that find their tokens by content alone (arXiv 2305.19466). */
  record None() implements RopeConfig {
    @Override
    public float[] inverseFrequencies(int headDim, int maxModelLen) {
      return new float[headDim / 2];
    }

    @Override
    public int rotatedChannels(int headDim) {
      return 0;
    }
  }

  /** Only the first channels of a head turn, as if the head had no others. */
  record Partial(RopeConfig rope, int channels) implements RopeConfig {
    @Override
    public float[] inverseFrequencies(int headDim, int maxModelLen) {
      return Arrays.copyOf(rope.inverseFrequencies(channels, maxModelLen), headDim / 2);
    }

    @Override
    public int rotatedChannels(int headDim) {
      return channels;
    }

    @Override
    public float attentionFactor() {
      return rope.attentionFactor();
    }

    @Override
    public int contextTokens(int maxPositionEmbeddings) {
      return rope.contextTokens(maxPositionEmbeddings);
    }
  }

  /** theta^(-2i / headDim) (RoFormer, arXiv 2104.09864, section 3.2.2). */
  record Default(double theta) implements RopeConfig {
    @Override
    public float[] inverseFrequencies(int headDim, int maxModelLen) {
      return inverse(wavenumbers(theta, headDim));
    }
  }

  /** Positions divided by {@code factor} (position interpolation, arXiv 2306.15595). */
  record Linear(double theta, double factor) implements RopeConfig {
    @Override
    public float[] inverseFrequencies(int headDim, int maxModelLen) {
      float[] frequencies = inverse(wavenumbers(theta, headDim));
      for (int i = 0; i < frequencies.length; i++) {
        frequencies[i] /= (float) factor;
      }
      return frequencies;
    }

    @Override
    public int contextTokens(int maxPositionEmbeddings) {
      return scaled(maxPositionEmbeddings, factor);
    }
  }

  /**
   * A larger base for contexts beyond the trained length (NTK scaling). The published rule lets the
   * base follow the current length, which would change keys that are already cached; here it is
   * fixed by the longest context that the engine allows.
   *
   * @param trainedTokens {@code max_position_embeddings}
   */
  record Dynamic(double theta, double factor, int trainedTokens) implements RopeConfig {
    /** The base for contexts of up to {@code maxModelLen} tokens. */
    double base(int headDim, int maxModelLen) {
      double tokens = Math.max(maxModelLen, trainedTokens);
      double stretch = factor * tokens / trainedTokens - (factor - 1);
      return theta * Math.pow(stretch, headDim / (headDim - 2.0));
    }

    @Override
    public float[] inverseFrequencies(int headDim, int maxModelLen) {
      return inverse(wavenumbers(base(headDim, maxModelLen), headDim));
    }

    @Override
    public int contextTokens(int maxPositionEmbeddings) {
      return scaled(maxPositionEmbeddings, factor);
    }
  }

  /**
   * Llama 3.1: slow channels are divided by {@code factor}, fast ones kept, those between blended.
   *
   * @param lowFrequencyFactor wavelengths above trainedTokens / this are divided
   * @param highFrequencyFactor wavelengths below trainedTokens / this are kept
   * @param trainedTokens {@code original_max_position_embeddings}
   */
  record Llama3(
      double theta,
      double factor,
      double lowFrequencyFactor,
      double highFrequencyFactor,
      int trainedTokens)
      implements RopeConfig {
    @Override
    public float[] inverseFrequencies(int headDim, int maxModelLen) {
      float[] frequencies = inverse(wavenumbers(theta, headDim));
      float longest = (float) (trainedTokens / lowFrequencyFactor);
      float shortest = (float) (trainedTokens / highFrequencyFactor);
      for (int i = 0; i < frequencies.length; i++) {
        float kept = frequencies[i];
        float wavelength = (float) (2 * Math.PI) / kept;
        if (wavelength > longest) {
          frequencies[i] = kept / (float) factor;
        } else if (wavelength >= shortest) {
          float blend =
              (trainedTokens / wavelength - (float) lowFrequencyFactor)
                  / (float) (highFrequencyFactor - lowFrequencyFactor);
          frequencies[i] = (1 - blend) * kept / (float) factor + blend * kept;
        }
      }
      return frequencies;
    }
  }

  /**
   * YaRN (arXiv 2309.00071, section 3): channels that turn more than {@code betaFast} times over
   * the trained length are kept, those below {@code betaSlow} are divided by {@code factor}, with a
   * linear ramp between; cosine and sine grow by {@code attentionFactor}.
   *
   * @param trainedTokens {@code original_max_position_embeddings}
   * @param truncate the ramp starts and ends at whole channels
   */
  record Yarn(
      double theta,
      double factor,
      int trainedTokens,
      float attentionFactor,
      double betaFast,
      double betaSlow,
      boolean truncate)
      implements RopeConfig {

    /** 0.1 * weight * ln(factor) + 1 (equation 22, with the weight that DeepSeek added). */
    static double magnitude(double factor, double weight) {
      return factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1;
    }

    @Override
    public float[] inverseFrequencies(int headDim, int maxModelLen) {
      double low = channelOf(betaFast, headDim);
      double high = channelOf(betaSlow, headDim);
      if (truncate) {
        low = Math.floor(low);
        high = Math.ceil(high);
      }
      low = Math.max(low, 0);
      high = Math.min(high, headDim - 1);
      if (low == high) {
        high += 0.001; // a ramp of no width would divide by zero
      }
      float[] numbers = wavenumbers(theta, headDim);
      float[] frequencies = new float[numbers.length];
      for (int i = 0; i < frequencies.length; i++) {
        float ramp = Math.min(1, Math.max(0, (i - (float) low) / (float) (high - low)));
        float keep = 1 - ramp;
        float divided = 1 / ((float) factor * numbers[i]);
        frequencies[i] = divided * (1 - keep) + 1 / numbers[i] * keep;
      }
      return frequencies;
    }

    /** The (fractional) channel pair that turns {@code rotations} times over the trained length. */
    private double channelOf(double rotations, int headDim) {
      return headDim * Math.log(trainedTokens / (rotations * 2 * Math.PI)) / (2 * Math.log(theta));
    }

    @Override
    public int contextTokens(int maxPositionEmbeddings) {
      return Math.max(maxPositionEmbeddings, scaled(trainedTokens, factor));
    }
  }

  /**
   * LongRoPE (arXiv 2402.13753): each channel pair has a divisor of its own, one for contexts of up
   * to the trained length and one for longer ones. The published rule chooses by the current
   * length, which would change keys that are already cached; here the longest context that the
   * engine allows decides.
   *
   * @param shortFactors divisors up to {@code trainedTokens}
   * @param longFactors divisors beyond
   * @param trainedTokens {@code original_max_position_embeddings}
   */
  record LongRope(
      double theta,
      List<Double> shortFactors,
      List<Double> longFactors,
      int trainedTokens,
      float attentionFactor)
      implements RopeConfig {
    public LongRope {
      shortFactors = List.copyOf(shortFactors);
      longFactors = List.copyOf(longFactors);
    }

    /** sqrt(1 + ln(factor) / ln(trained length)), for contexts longer by {@code factor}. */
    static double magnitude(double factor, int trainedTokens) {
      return factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(trainedTokens));
    }

    @Override
    public float[] inverseFrequencies(int headDim, int maxModelLen) {
      List<Double> factors = maxModelLen > trainedTokens ? longFactors : shortFactors;
      float[] numbers = wavenumbers(theta, headDim);
      for (int i = 0; i < numbers.length; i++) {
        numbers[i] *= factors.get(i).floatValue();
      }
      return inverse(numbers);
    }
  }

  /** theta^(2i / headDim) in float32. */
  private static float[] wavenumbers(double theta, int headDim) {
    float[] numbers = new float[headDim / 2];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = (float) Math.pow((float) theta, 2f * i / headDim);
    }
    return numbers;
  }

  private static float[] inverse(float[] values) {
    for (int i = 0; i < values.length; i++) {
      values[i] = 1 / values[i];
    }
    return values;
  }

  private static int scaled(int tokens, double factor) {
    return (int) Math.min(Integer.MAX_VALUE, Math.floor(tokens * Math.max(1, factor)));
  }
}
