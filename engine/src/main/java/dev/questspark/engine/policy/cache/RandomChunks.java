package dev.questspark.engine.policy.cache;

import dev.questspark.engine.policy.Description;
import dev.questspark.engine.policy.Parameter;
import dev.questspark.engine.policy.cache.tokens.Chunks;
import dev.questspark.engine.policy.cache.tokens.Positions;
import java.util.BitSet;
import java.util.Random;

/** The first chunk, the last and others at random: what reading a document must beat. */
@Description(
    "Prefills the first chunk of the document, the last, and others drawn at random: a control for"
        + " eval and sweep that a choice by reading must beat.")
public record RandomChunks(
    @Parameter(
            defaultValue = "0.2",
            description = "Share of the document's chunks that are prefilled, above 0, at most 1.")
        double keep,
    @Parameter(defaultValue = "32", description = "Document tokens that are kept together.")
        int chunk,
    @Parameter(
            defaultValue = Positions.DEFAULT,
            description = "Where kept tokens stand for the rotary embedding.")
        Positions positions,
    @Parameter(defaultValue = "0", description = "Seed of the draw, beside the document's own.")
        int seed)
    implements TokenSelection {

  public RandomChunks {
    TokenSelection.requireShare(RandomChunks.class, "keep", keep);
    CacheParts.KNOWN.atLeast(1, RandomChunks.class, "chunk", chunk);
  }

  @Override
  public boolean control() {
    return true;
  }

  @Override
  public boolean keepsAll(int tokens) {
    Chunks chunks = new Chunks(tokens, chunk);
    return chunks.share(keep) == chunks.count();
  }

  @Override
  public int mostKept(int tokens, int questions) {
    return new Chunks(tokens, chunk).most(keep, 1); // the same for each question
  }

  @Override
  public BitSet kept(float[] attention, long documentSeed) {
    Chunks chunks = new Chunks(attention.length, chunk);
    Random random = new Random(documentSeed + seed);
    double[] drawn = random.doubles(chunks.count()).toArray();
    return chunks.choose(drawn, chunks.share(keep), 1);
  }
}
