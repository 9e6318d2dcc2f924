package dev.questspark.engine.policy.cache;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.policy.Description;
import dev.questspark.engine.policy.Parameter;
import dev.questspark.engine.policy.cache.tokens.AskingRows;
import dev.questspark.engine.policy.cache.tokens.Chunks;
import dev.questspark.engine.policy.cache.tokens.Positions;
import dev.questspark.engine.policy.cache.tokens.ReaderKind;
import java.util.BitSet;

/**
 * Token-selective prefill: the model's first layers, or a second model, read the whole document
 * with the question, and the whole model prefills only the chunks of it that the question's rows
 * attend to. The first layers as reader are GemFilter's idea (arXiv 2409.17422), a second model,
 * kept chunks, original positions and rows of a drafted answer SpecPrefill's (arXiv 2502.02789).
 *
 * <p>A token's score is the attention probability that the rows after the document give it: mean
 * over rows, maximum over query heads and layers, then the mean over {@code smooth} neighbours,
 * where those outside the document have none. A chunk's score is its largest token's.
 */
@Description(
    "The model's first layers, or a second model, read the document and the question, and the whole model prefills only"
        + " the chunks that the question attends to (SpecPrefill, arXiv 2502.02789; GemFilter, arXiv"
        + " 2409.17422). Not lossless: what is left out cannot be answered from.")
public record Selective(
    @Parameter(
            defaultValue = "0.2",
            description = "Share of the document's chunks that are prefilled, above 0, at most 1.")
        double keep,
    @Parameter(
            defaultValue = ReaderKind.DEFAULT,
            description =
                "Who reads: the model's own first layers, or the second model of --reader-model.")
        ReaderKind reader,
    @Parameter(
            defaultValue = "0",
            description =
                "The reader's first layers that read; 0 for a third of the model's own, rounded up,"
                    + " or for all of a second model's, which the stored text then says.")
        int layers,
    @Parameter(
            defaultValue = AskingRows.DEFAULT,
            description =
                "Rows whose attention scores: all behind the document, or those up to the question's"
                    + " end, without what the template puts behind it.")
        AskingRows rows,
    @Parameter(
            defaultValue = "0",
            description =
                "Tokens of an answer that a second model drafts greedily, whose rows ask too.")
        int lookahead,
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
    CacheParts.KNOWN.atLeast(0, Selective.class, "lookahead", lookahead);
    if (lookahead > 0 && (reader != ReaderKind.MODEL || rows != AskingRows.SUFFIX)) {
      throw new ConfigException(
          "cache_policy part selective: lookahead is "
              + lookahead
              + ", but only a second model that has read the whole prompt can draft an answer; take"
              + " reader=model and rows=suffix, or lookahead=0");
    }
    CacheParts.KNOWN.atLeast(1, Selective.class, "smooth", smooth);
    CacheParts.KNOWN.atLeast(1, Selective.class, "chunk", chunk);
    TokenSelection.requireShare(Selective.class, "mass", mass);
  }

  @Override
  public Selective forModel(int modelLayers, int readerLayers) {
    boolean own = reader == ReaderKind.LAYERS;
    if (!own && readerLayers == 0) {
      throw new ConfigException(
          "cache_policy part selective: reader is model, but no second model is given; give"
              + " --reader-model, or reader=layers");
    }
    int most = own ? modelLayers : readerLayers;
    if (layers > most) {
      throw new ConfigException(
          "cache_policy part selective: layers is "
              + layers
              + ", but the "
              + (own ? "model has " : "reader model has ")
              + most
              + "; give at most as many");
    }
    if (lookahead > 0 && layers > 0 && layers < most) {
      throw new ConfigException(
          "cache_policy part selective: lookahead is "
              + lookahead
              + ", but a draft takes all "
              + most
              + " layers of the reader model and layers is "
              + layers
              + "; leave out one of the two");
    }
    int automatic = own ? (modelLayers + 2) / 3 : readerLayers;
    int reading = layers > 0 ? layers : automatic;
    return new Builder(this).layers(reading).build();
  }

  /** A second model may read a prompt of which only what is kept must fit the model itself. */
  @Override
  public int mostRead(int maxModelLen) {
    return reader == ReaderKind.MODEL && positions == Positions.COMPACTED
        ? (int) Math.min(Integer.MAX_VALUE / 2, Math.ceil(maxModelLen / keep) + 2L * chunk)
        : maxModelLen;
  }

  @Override
  public Selective apart() {
    return new Builder(this).union(false).build();
  }

  @Override
  public boolean keepsAll(int tokens) {
    Chunks chunks = new Chunks(tokens, chunk);
    return chunks.count() <= 2 || mass == 1 && chunks.share(keep) == chunks.count();
  }

  @Override
  public int mostKept(int tokens, int questions) {
    return new Chunks(tokens, chunk).most(keep, union ? questions : 1);
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

  /** The same policy with other values, by name. */
  public static final class Builder {
    private final Selective of;
    private int layers;
    private boolean union;

    private Builder(Selective of) {
      this.of = of;
      this.layers = of.layers;
      this.union = of.union;
    }

    public Builder layers(int layers) {
      this.layers = layers;
      return this;
    }

    public Builder union(boolean union) {
      this.union = union;
      return this;
    }

    public Selective build() {
      return new Selective(
          of.keep,
          of.reader,
          layers,
          of.rows,
          of.lookahead,
          of.smooth,
          of.chunk,
          of.mass,
          of.positions,
          union);
    }
  }
}
