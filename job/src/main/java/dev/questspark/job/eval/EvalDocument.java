package dev.questspark.job.eval;

import dev.questspark.job.eval.score.Metric;
import java.util.List;

/**
 * One document of a suite and what is asked about it. Written as one line of {@code suite.jsonl}.
 *
 * @param docId unique in the suite
 * @param task part of the suite, such as a LongBench data set
 * @param aim what the generator aimed at
 * @param prompt how it is asked
 * @param scoring how its answers are scored
 * @param questions at least one
 */
public record EvalDocument(
    String docId,
    String suite,
    String task,
    Aim aim,
    Prompt prompt,
    Scoring scoring,
    String text,
    List<EvalQuestion> questions) {

  /** The metric's name of documents that are scored and not asked. */
  public static final String PERPLEXITY = "perplexity";

  /** The metric's name of documents of which a window is fed and held against dense attention. */
  public static final String DIVERGENCE = "divergence";

  /** A question and its references; a document that is only timed has none. */
  public record EvalQuestion(String text, List<String> references) {
    public EvalQuestion {
      references = List.copyOf(references);
    }
  }

  /**
   * The document's place in a grid.
   *
   * @param lengthTokens length aimed at, or tokens before a window; null for given documents
   * @param depthPercent where the answer is hidden; null where that has no meaning
   */
  public record Aim(Integer lengthTokens, Double depthPercent) {
    /** Of documents that were not generated. */
    public static final Aim GIVEN = new Aim(null, null);
  }

  /**
   * How the document is asked.
   *
   * @param template prompt template with {@code {{document}}} and {@code {{question}}}
   * @param chat whether a chat template may be put around it
   * @param maxTokens most tokens of an answer, or tokens of a window
   */
  public record Prompt(String template, boolean chat, int maxTokens) {}

  /**
   * How an answer is scored.
   *
   * @param metric name of a {@link Metric}; {@link #PERPLEXITY} and {@link #DIVERGENCE} score the
   *     text itself
   * @param classes every class of a classification task
   * @param firstLineOnly the answer is cut at its first line before scoring, as LongBench does for
   *     few-shot tasks
   */
  public record Scoring(String metric, List<String> classes, boolean firstLineOnly) {
    public Scoring {
      classes = List.copyOf(classes);
    }

    /** By a metric that needs no classes, over the whole answer. */
    public static Scoring by(String metric) {
      return new Scoring(metric, List.of(), false);
    }
  }

  public EvalDocument {
    questions = List.copyOf(questions);
  }

  boolean perplexity() {
    return scoring.metric.equals(PERPLEXITY);
  }

  boolean divergence() {
    return scoring.metric.equals(DIVERGENCE);
  }

  /** Score of an answer; null without references. */
  Double score(EvalQuestion question, String prediction) {
    if (question.references().isEmpty()) {
      return null;
    }
    String scored = scoring.firstLineOnly ? firstLine(prediction) : prediction;
    return Metric.of(scoring.metric).score(scored, question.references(), scoring.classes);
  }

  private static String firstLine(String text) {
    return text.replaceFirst("^\n+", "").split("\n", 2)[0];
  }
}
