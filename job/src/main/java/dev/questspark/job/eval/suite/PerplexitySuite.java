package dev.questspark.job.eval.suite;

import dev.questspark.job.corpus.Document;
import dev.questspark.job.eval.EvalDocument;
import dev.questspark.job.eval.EvalDocument.Aim;
import dev.questspark.job.eval.EvalDocument.EvalQuestion;
import dev.questspark.job.eval.EvalDocument.Prompt;
import dev.questspark.job.eval.EvalDocument.Scoring;
import java.util.ArrayList;
import java.util.List;

/**
 * Texts of the corpus, cut at each of the lengths, scored token by token: nothing is prefilled, so
 * every position reads the cache through the selector.
 */
final class PerplexitySuite {
  private PerplexitySuite() {}

  static List<EvalDocument> documents(SuiteInput input) {
    List<Integer> lengths = input.lengths(0);
    List<EvalDocument> documents = new ArrayList<>();
    for (Document document : input.corpus().get()) {
      for (int length : lengths) {
        int tokens = input.tokens(document.text());
        if (tokens + 1 >= length) {
          documents.add(text(document, length, input.template()));
        } else {
          input
              .leftOut()
              .accept(
                  "%s at length %d: the text has %d tokens"
                      .formatted(document.id(), length, tokens));
        }
      }
    }
    return documents;
  }

  /** What the template puts before a document stays, so that the text begins as it should. */
  private static EvalDocument text(Document document, int length, String template) {
    return new EvalDocument(
        document.id() + "-" + length,
        "perplexity",
        "perplexity",
        new Aim(length, null),
        new Prompt(template, false, 1),
        Scoring.by(EvalDocument.PERPLEXITY),
        document.text(),
        List.of(new EvalQuestion("", List.of())));
  }
}
