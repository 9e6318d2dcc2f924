package dev.questspark.engine.policy.cache;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.policy.Description;
import dev.questspark.engine.policy.Parameter;
import dev.questspark.engine.policy.cache.tokens.Chunks;
import dev.questspark.engine.policy.cache.tokens.Positions;
import java.util.BitSet;

/**
 * Token-selective prefill: the model's first layers read the whole document with the question, and
 * the whole model prefills only the chunks of it that the question's rows attend to. The first
 * layers as reader are GemFilter's idea (arXiv 2409.17422), kept chunks and original positions
 * SpecPrefill's (arXiv 2502.02789).
 *
 * <p>A token's score is the attention probability that the rows after the document give it: mean
 * over rows, maximum over query heads and layers, then the mean over {@code smooth} neighbours,
 * where those outside the document have none. A chunk's score is its largest token's.
 */
@Description(
    "The model's first layers read the document and the question, and the whole model prefills only"
        + " the chunks that the question attends to (SpecPrefill, arXiv 2502.02789; GemFilter, arXiv"
        + " 2409.17422). Not lossless: what is left out cannot be answered from.")
public record Selective(
    @Parameter(
            defaultValue = "0.2",
            description = "Share of the document's chunks that are prefilled, above 0, at most 1.")
        double keep,
    @Parameter(
            defaultValue = "0",
            description =
                "The model's first layers that read; 0 for a third of them, rounded up, which the"
                    + " stored text then says.")
        int layers,
    @Parameter(
            defaultValue = AskingRows.DEFAULT,
            description =
                "Rows whose attention scores: all behind the document, or those up to the question's"
                    + " end, without what the template puts behind it.")
        AskingRows rows,
    @Parameter(defaultValue = "13", description = "Neighbouring tokens whose mean is a score.")
        int smooth,
    @Parameter(defaultValue = "32", description = "Document tokens that are kept together.")
        int chunk,
    @Parameter(
            defaultValue = "1.0",
            description =
                "Within keep, the fewest chunks whose scores reach this share of the sum; 1 for as"
                    + " many as keep allows.")
        double mass,
    @Parameter(
            defaultValue = Positions.DEFAULT,
            description = "Where kept tokens stand for the rotary embedding.")
        Positions positions,
    @Parameter(
            defaultValue = "true",
            description =
                "Whether the questions of a document share one prefill of all that they choose;"
                    + " otherwise each has its own.")
        boolean union)
    implements TokenSelection {

  public Selective {
    TokenSelection.requireShare(Selective.class, "keep", keep);
    CacheParts.KNOWN.atLeast(0, Selective.class, "layers", layers);
    CacheParts.KNOWN.atLeast(1, Selective.class, "smooth", smooth);
    CacheParts.KNOWN.atLeast(1, Selective.class, "chunk", chunk);
    TokenSelection.requireShare(Selective.class, "mass", mass);
  }

  @Override
  public Selective forModel(int modelLayers) {
    if (layers > modelLayers) {
      throw new ConfigException(
          "cache_policy part selective: layers is "
              + layers
              + ", but the model has "
              + modelLayers
              + "; give at most as many");
    }
    int reading = layers > 0 ? layers : (modelLayers + 2) / 3;
    return new Selective(keep, reading, rows, smooth, chunk, mass, positions, union);
  }

  @Override
  public Selective apart() {
    return new Selective(keep, layers, rows, smooth, chunk, mass, positions, false);
  }

  @Override
  public boolean keepsAll(int tokens) {
    Chunks chunks = new Chunks(tokens, chunk);
    return chunks.count() <= 2 || mass == 1 && chunks.share(keep) == chunks.count();
  }

  @Override
  public BitSet kept(float[] attention, long seed) {
    Chunks chunks = new Chunks(attention.length, chunk);
    return chunks.choose(chunks.best(smoothed(attention)), chunks.share(keep), mass);
  }

  /** The mean over {@code smooth} tokens around each; an even number has one more before it. */
  double[] smoothed(float[] attention) {
    double[] smoothed = new double[attention.length];
    int before = smooth / 2;
    for (int token = 0; token < attention.length; token++) {
      double sum = 0;
      int to = Math.min(attention.length, token - before + smooth);
      for (int i = Math.max(0, token - before); i < to; i++) {
        sum += attention[i];
      }
      smoothed[token] = sum / smooth;
    }
    return smoothed;
  }
}
