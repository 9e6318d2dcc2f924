package dev.questspark.job.eval.suite;

import dev.questspark.job.corpus.Document;
import dev.questspark.job.corpus.Question;
import dev.questspark.job.eval.EvalDocument;
import dev.questspark.job.eval.EvalDocument.Aim;
import dev.questspark.job.eval.EvalDocument.EvalQuestion;
import dev.questspark.job.eval.EvalDocument.Prompt;
import dev.questspark.job.eval.EvalDocument.Scoring;
import dev.questspark.job.eval.score.Metric;
import java.util.ArrayList;
import java.util.List;

/** The user's own documents and questions, scored by exact match where there are references. */
final class CorpusSuite {
  private CorpusSuite() {}

  static List<EvalDocument> documents(SuiteInput input) {
    List<EvalDocument> documents = new ArrayList<>();
    for (Document document : input.corpus().get()) {
      if (document.defect().isEmpty()) {
        documents.add(document(input, document));
      }
    }
    return documents;
  }

  private static EvalDocument document(SuiteInput input, Document document) {
    return new EvalDocument(
        document.id(),
        "corpus",
        "corpus",
        Aim.GIVEN,
        new Prompt(input.template(), true, input.maxTokens()),
        Scoring.by(Metric.EXACT.word()),
        document.text(),
        document.questions().stream().map(CorpusSuite::question).toList());
  }

  private static EvalQuestion question(Question question) {
    return new EvalQuestion(
        question.text() == null ? "" : question.text(),
        question.expected() == null ? List.of() : List.of(question.expected()));
  }
}
