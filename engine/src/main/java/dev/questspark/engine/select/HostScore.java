package dev.questspark.engine.select;

/** A score that the host computes for a control. Stateless; equal inputs give equal bits. */
@FunctionalInterface
public interface HostScore {
  /**
   * Scores every part of a row's sequence for one KV head; parts that the row does not see have no
   * meaning.
   *
   * @param row of the view
   * @param unit tokens per part
   * @return one per part, from the sequence's first token on
   */
  float[] score(AttentionView view, int row, int kvHead, int unit);

  /**
   * Uniform in [0, 1), drawn for each layer, position, KV head and part by itself, so that batch
   * mates and preemption change nothing.
   */
  static HostScore random(long seed) {
    return (view, row, kvHead, unit) -> {
      long drawn = mix(mix(mix(seed) + view.layer()) + view.position(row));
      float[] scores = new float[view.position(row) / unit + 1];
      for (int part = 0; part < scores.length; part++) {
        // the 24 highest bits: as many as a float's fraction holds
        scores[part] = (mix(mix(drawn + kvHead) + part) >>> 40) * 0x1p-24f;
      }
      return scores;
    };
  }

  /** The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), one step on. */
  private static long mix(long state) {
    long z = state + 0x9e3779b97f4a7c15L;
    z = (z ^ z >>> 30) * 0xbf58476d1ce4e5b9L;
    z = (z ^ z >>> 27) * 0x94d049bb133111ebL;
    return z ^ z >>> 31;
  }

  /**
   * The logarithm of the true attention weight of a part, summed over the group's query heads: an
   * oracle. The logarithm tells apart weights that a float would round to 0.
   */
  static HostScore trueMass() {
    return (view, row, kvHead, unit) -> {
      int group = view.heads() / view.geometry().kvHeads();
      float[] queries = view.queries(row);
      float[] keys = view.keys(row, kvHead);
      double[] mass = new double[view.position(row) / unit + 1];
      for (int head = kvHead * group; head < (kvHead + 1) * group; head++) {
        new TrueAttention(view, row, head, queries, keys).addTo(mass, unit);
      }
      float[] scores = new float[mass.length];
      for (int part = 0; part < mass.length; part++) {
        scores[part] = (float) Math.log(mass[part]);
      }
      return scores;
    };
  }
}
