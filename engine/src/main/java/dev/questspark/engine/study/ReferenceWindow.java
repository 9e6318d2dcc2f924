package dev.questspark.engine.study;

import dev.questspark.engine.LogitsListener;
import java.util.ArrayList;
import java.util.List;

/**
 * A text's next-token distributions under dense attention, kept in whole (rows x vocabulary x 4
 * bytes), and what other policies' distributions are held against: each {@link #compared} listener
 * belongs to the same text under one policy. Logits are kept as they came, the logarithm of each
 * row's sum beside them in double: equal logits have a divergence of exactly 0.
 *
 * <p>Engine thread only until the questions' futures are done. Policies of one request run step by
 * step beside dense attention; one that gets ahead of it, after a preemption, has its rows set
 * aside until dense attention is there.
 */
public final class ReferenceWindow implements LogitsListener {
  private final Row[] rows;
  private final List<Divergence> compared = new ArrayList<>();

  /**
   * One distribution.
   *
   * @param normaliser logits minus it are log-probabilities
   * @param best the lowest of the most probable tokens
   */
  private record Row(float[] logits, double normaliser, int best) {
    static Row of(float[] logits, double normaliser) {
      int best = 0;
      for (int id = 1; id < logits.length; id++) {
        if (logits[id] > logits[best]) {
          best = id;
        }
      }
      return new Row(logits, normaliser, best);
    }

    /** Nats, summed in double; tokens that this distribution rules out add nothing. */
    double divergenceOf(Row other) {
      double shift = other.normaliser - normaliser;
      double sum = 0;
      for (int id = 0; id < logits.length; id++) {
        double probability = Math.exp(logits[id] - normaliser);
        if (probability > 0) {
          sum += probability * ((double) logits[id] - other.logits[id] + shift);
        }
      }
      return sum;
    }
  }

  /** One policy's distributions over the text, held against dense attention's row by row. */
  public final class Divergence implements LogitsListener {
    private final Row[] early = new Row[rows.length];
    private int seen;
    private double klSum;
    private int sameArgmax;

    private Divergence() {}

    @Override
    public void row(int row, float[] logits, double normaliser) {
      if (rows[row] == null) {
        early[row] = Row.of(logits.clone(), normaliser);
      } else {
        compare(row, Row.of(logits, normaliser));
      }
    }

    private void compare(int row, Row found) {
      klSum += rows[row].divergenceOf(found);
      sameArgmax += found.best == rows[row].best ? 1 : 0;
      seen++;
    }

    private void compareEarly(int row) {
      if (early[row] != null) {
        compare(row, early[row]);
        early[row] = null;
      }
    }

    /** Mean over the text of KL(dense || policy) of the next token's distribution, in nats. */
    public double kl() {
      return klSum / all();
    }

    /** Share of the text's rows whose most probable token is dense attention's, 0 to 1. */
    public double sameArgmax() {
      return (double) sameArgmax / all();
    }

    private int all() {
      if (seen != rows.length) {
        throw new IllegalStateException(seen + " of " + rows.length + " rows were compared");
      }
      return seen;
    }
  }

  /**
   * @param rows tokens of the text
   */
  public ReferenceWindow(int rows) {
    this.rows = new Row[rows];
  }

  /** Who listens to the same text under another policy. */
  public Divergence compared() {
    Divergence divergence = new Divergence();
    compared.add(divergence);
    return divergence;
  }

  /** A row of dense attention's. */
  @Override
  public void row(int row, float[] logits, double normaliser) {
    rows[row] = Row.of(logits.clone(), normaliser);
    compared.forEach(divergence -> divergence.compareEarly(row));
  }

  /** Bytes that the distributions of a text take. */
  public static long bytes(int rows, int vocabulary) {
    return (long) rows * vocabulary * Float.BYTES;
  }
}
