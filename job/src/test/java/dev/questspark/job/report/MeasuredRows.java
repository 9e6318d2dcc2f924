package dev.questspark.job.report;

import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.ReadPolicies;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.job.answer.PolicyColumns;
import dev.questspark.job.eval.rows.QualityRow;
import dev.questspark.job.eval.rows.SelectionRow;
import dev.questspark.job.eval.rows.SpeedRow;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Rows of measurements, made up. */
final class MeasuredRows {
  static final int[] BUDGETS = {64, 128, 256, 512, 1024, 2048};

  /** A cache policy beside none. */
  static final String A_SHAPE = CachePolicy.parse("a_shape(recent=448)").text();

  private MeasuredRows() {}

  /** Three policies with every kind of measurement but perplexity: 13 figures. */
  static Measurements everyKind() {
    List<QualityRow> quality = new ArrayList<>();
    List<SpeedRow> speed = new ArrayList<>();
    for (String policy : List.of("all -1", "quest 256", "sink_recent 256")) {
      String selector = policy.split(" ")[0];
      int budget = Integer.parseInt(policy.split(" ")[1]);
      for (int i = 0; i < 12; i++) {
        quality.add(quality(selector, budget, i));
        speed.add(speed(selector, budget, i));
      }
    }
    List<SelectionRow> selection = new ArrayList<>();
    for (String selector : List.of("quest", "sink_recent")) {
      for (int layer = 0; layer < 28; layer++) {
        for (int head = 0; head < 32; head++) {
          selection.add(selection(selector, layer, head));
        }
      }
    }
    return new Measurements(quality, speed, selection);
  }

  /** Policies of equal score and nearly equal speed; the first repetition is far slower. */
  static Measurements equallyFast(int repetitions) {
    List<QualityRow> quality = new ArrayList<>();
    List<SpeedRow> speed = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      quality.add(quality("all", -1, i));
      for (int budget : BUDGETS) {
        quality.add(quality("quest", budget, i));
      }
    }
    for (int repetition = 0; repetition < repetitions; repetition++) {
      double slow = repetition == 0 ? 5 : 1;
      speed.add(timed("all", -1, repetition, 80 * slow));
      for (int budget : BUDGETS) {
        speed.add(timed("quest", budget, repetition, slow * (20 + budget / 1000.0)));
      }
    }
    return new Measurements(quality, speed, List.of());
  }

  /**
   * Dense attention and quest, on documents kept whole and under another cache policy. There dense
   * attention finds all but one of twelve; a prefill takes a half, in the first repetition a
   * quarter, of the time; and a quarter of the blocks.
   */
  static Measurements cachePolicies() {
    List<QualityRow> quality = new ArrayList<>();
    List<SpeedRow> speed = new ArrayList<>();
    for (String cache : List.of("none", A_SHAPE)) {
      boolean whole = cache.equals("none");
      for (String policy : List.of("all -1", "quest 256")) {
        String selector = policy.split(" ")[0];
        int budget = Integer.parseInt(policy.split(" ")[1]);
        for (int i = 0; i < 12; i++) {
          QualityRow row = scored(selector, budget, i, whole || i > 0 ? 1.0 : 0.0);
          quality.add(
              new QualityRow(
                  row.question(),
                  under(cache, row.policy()),
                  row.outcome(),
                  row.answer(),
                  row.tokens(),
                  row.reads(),
                  row.text(),
                  new QualityRow.Prefill(400L, whole ? 400L : 100L, whole ? 4000L : 1000L)));
        }
        for (int document = 0; document < 3; document++) {
          for (int repetition = 0; repetition < 3; repetition++) {
            SpeedRow row = row(selector, budget, document, repetition, 1000);
            double prefillMs = 1000.0 * (document + 1) / (whole ? 1 : repetition == 0 ? 4 : 2);
            speed.add(
                new SpeedRow(
                    row.docId(),
                    repetition,
                    under(cache, row.policy()),
                    row.load(),
                    new SpeedRow.Times(1, prefillMs, 80, 30, 1000),
                    row.reads()));
          }
        }
      }
    }
    return new Measurements(quality, speed, List.of());
  }

  private static PolicyColumns under(String cachePolicy, PolicyColumns columns) {
    return new PolicyColumns(columns.policy(), cachePolicy, columns.kvBudget());
  }

  /** Texts on which small budgets cost perplexity, and a little of it by chance. */
  static Measurements perplexities() {
    List<QualityRow> quality = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      double dense = 2.1 + 0.1 * i;
      quality.add(text("all", -1, i, dense));
      for (int budget : BUDGETS) {
        quality.add(text("quest", budget, i, dense + 3.0 / budget + 0.004 * ((7 * i) % 5 - 2)));
      }
    }
    return new Measurements(quality, List.of(), List.of());
  }

  /**
   * A text under perplexity.
   *
   * @param loss negative log-likelihood per token
   */
  private static QualityRow text(String selector, int budget, int i, double loss) {
    return new QualityRow(
        new QualityRow.Question("perplexity", "perplexity", "perplexity", "d" + i, 0, null, null),
        columns(selector, budget),
        QualityRow.Outcome.OK,
        QualityRow.Answer.none(List.of()),
        new QualityRow.Tokens(2000, 100, 0, 0, 2000),
        new QualityRow.Reads(100L, 900L, 12.5, 5, 0),
        new QualityRow.GivenText(100 * loss, null, null),
        QualityRow.Prefill.NONE);
  }

  /**
   * Windows whose divergence halves as the budget doubles, 0.32 at 64 tokens in the mean, and
   * differs by text.
   */
  static Measurements windows(int count) {
    List<QualityRow> quality = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      quality.add(window("all", -1, i, 0));
      for (int budget : BUDGETS) {
        double spread = 1 + 0.2 * (2.0 * i / Math.max(1, count - 1) - 1);
        quality.add(window("quest", budget, i, 0.32 * 64 / budget * spread));
        quality.add(window("sink_recent", budget, i, 0.5));
      }
    }
    return new Measurements(quality, List.of(), List.of());
  }

  private static QualityRow window(String selector, int budget, int i, double kl) {
    return new QualityRow(
        new QualityRow.Question("divergence", "divergence", "divergence", "d@" + i, 0, 2048, null),
        columns(selector, budget),
        QualityRow.Outcome.OK,
        QualityRow.Answer.none(List.of()),
        new QualityRow.Tokens(2049, 100, 0, 0, 2049),
        new QualityRow.Reads(
            99 * 1024L * (budget < 0 ? 2048 : budget),
            99 * 1024L * 2048,
            budget < 0 ? 2048.0 : budget,
            99,
            0),
        new QualityRow.GivenText(210 + 100 * kl, kl, 1 - kl / 2),
        QualityRow.Prefill.NONE);
  }

  /** The text of a policy; budget -1 is dense. */
  private static String policy(String selector, int budget) {
    return budget < 0
        ? new Dense().text()
        : ReadPolicies.KNOWN.of(selector, Map.of("budget", String.valueOf(budget))).text();
  }

  private static PolicyColumns columns(String selector, int budget) {
    return new PolicyColumns(policy(selector, budget), "none", budget < 0 ? null : budget);
  }

  static SelectionRow selection(String selector, int layer, int head) {
    double mass = (selector.equals("quest") ? 0.7 : 0.2) + 0.01 * layer - 0.002 * (head % 9);
    return new SelectionRow(
        new SelectionRow.Question("passkey_facts", "passkey_facts", "d0", 0, 2048, 0.0, 2000),
        columns(selector, 256),
        new SelectionRow.Kept(layer, head, 12, mass, mass));
  }

  static QualityRow quality(String selector, int budget, int i) {
    return scored(selector, budget, i, selector.equals("sink_recent") && i % 4 != 0 ? 0.0 : 1.0);
  }

  /** An answer with a given score; null for an answer without a reference. */
  static QualityRow scored(String selector, int budget, int i, Double score) {
    return new QualityRow(
        new QualityRow.Question(
            "passkey_facts",
            "passkey_facts",
            "exact",
            "d" + i,
            0,
            i % 2 == 0 ? 2048 : 8192,
            50.0 * (i % 3)),
        columns(selector, budget),
        QualityRow.Outcome.OK,
        new QualityRow.Answer(
            "1", List.of("1"), score, score == null || score == 1, score == null ? 1 : score),
        new QualityRow.Tokens(2000, 6, 0, 0, 2000),
        new QualityRow.Reads(100L, 900L, 12.5, 5, 0),
        QualityRow.GivenText.NONE,
        QualityRow.Prefill.NONE);
  }

  static SpeedRow speed(String selector, int budget, int i) {
    double ms = budget < 0 ? 80 : 20;
    return row(selector, budget, i, i % 3, ms * 63 + i);
  }

  /** A repetition on the first document. */
  static SpeedRow timed(String selector, int budget, int repetition, double stepMs) {
    return row(selector, budget, 0, repetition, stepMs * 63);
  }

  private static SpeedRow row(
      String selector, int budget, int document, int repetition, double decodeMs) {
    return new SpeedRow(
        "d" + document,
        repetition,
        columns(selector, budget),
        new SpeedRow.Load(2000 + 500 * document, 2010 + 500.0 * document, 8, 64),
        new SpeedRow.Times(1, 900, 80, 30, decodeMs),
        new SpeedRow.Reads(100, 900));
  }
}
