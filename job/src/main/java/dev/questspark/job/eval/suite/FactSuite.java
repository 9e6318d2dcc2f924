package dev.questspark.job.eval.suite;

import dev.questspark.job.eval.EvalDocument;
import dev.questspark.job.eval.EvalDocument.Aim;
import dev.questspark.job.eval.EvalDocument.EvalQuestion;
import dev.questspark.job.eval.EvalDocument.Prompt;
import dev.questspark.job.eval.EvalDocument.Scoring;
import dev.questspark.job.eval.score.Metric;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Facts in the corpus's own prose, in the form of {@link Fact}: length by depth. */
final class FactSuite {
  private static final int DISTRACTORS = 7;
  private static final int DIGITS_AND_END = 8;

  private FactSuite() {}

  /** One fact. */
  static List<EvalDocument> needle(SuiteInput input) {
    return grid(input, "needle", 0);
  }

  /** One fact among seven of the same kind about others (RULER's multi-key needles). */
  static List<EvalDocument> multikey(SuiteInput input) {
    return grid(input, "multikey_facts", DISTRACTORS);
  }

  private static List<EvalDocument> grid(SuiteInput input, String suite, int distractors) {
    List<Integer> lengths = input.lengths(input.maxTokens() - DIGITS_AND_END);
    Haystack haystack = input.haystack();
    List<EvalDocument> documents = new ArrayList<>();
    for (int length : lengths) {
      for (int depth : input.depths()) {
        for (int sample = 0; sample < input.samples(); sample++) {
          String id = suite + "-" + length + "-" + depth + "-" + sample;
          documents.add(document(input, haystack, suite, id, length, depth, distractors));
        }
      }
    }
    return documents;
  }

  private static EvalDocument document(
      SuiteInput input,
      Haystack haystack,
      String suite,
      String id,
      int length,
      int depth,
      int distractors) {
    Random random = input.random(id);
    String kind = Fact.pick(random, Fact.KINDS);
    List<Fact> facts = new ArrayList<>();
    List<Double> depths = new ArrayList<>();
    for (int i = 0; i <= distractors; i++) {
      facts.add(Fact.draw(random, kind, haystack, facts));
      depths.add(i == 0 ? depth : 100 * random.nextDouble());
    }
    List<String> hidden = facts.stream().map(Fact::sentence).toList();
    Fact asked = facts.get(0);
    int around = input.tokens(input.template()) + input.tokens(asked.question()) + DIGITS_AND_END;
    int facts0 = hidden.stream().mapToInt(fact -> input.tokens(fact + " ")).sum();
    List<String> filler = haystack.take(random, length - around - facts0);
    if (filler.isEmpty()) {
      throw input.tooShort(length, around + facts0 + haystack.shortest());
    }
    return new EvalDocument(
        id,
        suite,
        suite,
        new Aim(length, (double) depth),
        new Prompt(input.template(), true, input.maxTokens()),
        Scoring.by(Metric.EXACT.word()),
        Haystack.hide(filler, hidden, depths),
        List.of(new EvalQuestion(asked.question(), List.of(asked.number()))));
  }
}
