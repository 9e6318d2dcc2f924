package dev.questspark.job.eval;

import dev.questspark.job.eval.score.Metric;
import java.util.List;

/**
 * One document of a suite and what is asked about it. Written as one line of {@code suite.jsonl}.
 *
 * @param docId unique in the suite
 * @param task part of the suite, such as a LongBench data set
 * @param metric name of a {@link Metric}; {@link #PERPLEXITY} scores the text itself
 * @param lengthTokens length that the generator aimed at; null for given documents
 * @param depthPercent where the answer is hidden; null where that has no meaning
 * @param template prompt template with {@code {{document}}} and {@code {{question}}}
 * @param chat whether a chat template may be put around it
 * @param maxTokens most tokens of an answer
 * @param classes every class of a classification task
 * @param firstLineOnly the answer is cut at its first line before scoring, as LongBench does for
 *     few-shot tasks
 * @param questions at least one
 */
public record EvalDocument(
    String docId,
    String suite,
    String task,
    String metric,
    Integer lengthTokens,
    Double depthPercent,
    String template,
    boolean chat,
    int maxTokens,
    List<String> classes,
    boolean firstLineOnly,
    String text,
    List<EvalQuestion> questions) {

  /** The metric's name of documents that are scored and not asked. */
  public static final String PERPLEXITY = "perplexity";

  /** A question and its references; a document that is only timed has none. */
  public record EvalQuestion(String text, List<String> references) {
    public EvalQuestion {
      references = List.copyOf(references);
    }
  }

  public EvalDocument {
    classes = List.copyOf(classes);
    questions = List.copyOf(questions);
  }

  boolean perplexity() {
    return metric.equals(PERPLEXITY);
  }

  /** Score of an answer; null without references. */
  Double score(EvalQuestion question, String prediction) {
    if (question.references().isEmpty()) {
      return null;
    }
    String scored = firstLineOnly ? firstLine(prediction) : prediction;
    return Metric.of(metric).score(scored, question.references(), classes);
  }

  private static String firstLine(String text) {
    return text.replaceFirst("^\n+", "").split("\n", 2)[0];
  }
}
