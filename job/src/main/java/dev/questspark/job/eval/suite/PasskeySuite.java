package dev.questspark.job.eval.suite;

import dev.questspark.job.eval.EvalDocument;
import dev.questspark.job.eval.EvalDocument.Aim;
import dev.questspark.job.eval.EvalDocument.EvalQuestion;
import dev.questspark.job.eval.EvalDocument.Prompt;
import dev.questspark.job.eval.EvalDocument.Scoring;
import dev.questspark.job.eval.score.Metric;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/**
 * Passkey retrieval (Mohtashami and Jaggi, arXiv 2305.16300), as in Quest's Table 1: one key in a
 * loop of the same few sentences, 10 tokens generated, the first number must be the key.
 */
final class PasskeySuite {
  private static final String TASK =
      "There is an important info hidden inside a lot of irrelevant text. Find it and memorize"
          + " it. I will quiz you about the important information there.\n";
  private static final String LOOP =
      "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again. ";
  private static final int LARGEST_KEY = 50_000;
  private static final int NEW_TOKENS = 10;
  private static final int BEGIN_AND_JOINTS = 8;

  private PasskeySuite() {}

  /** The paper's words. */
  static List<EvalDocument> paper(SuiteInput input) {
    List<EvalDocument> documents = new ArrayList<>();
    for (Place place : places(input, "passkey")) {
      String key = String.valueOf(1 + input.random(place.id).nextInt(LARGEST_KEY));
      String needle = "The pass key is " + key + ". Remember it. " + key + " is the pass key.";
      String question = "What is the pass key? The pass key is";
      String text = TASK + loop(input, place, needle, TASK + question);
      documents.add(
          document(
              place,
              "passkey",
              Metric.FIRST_INTEGER,
              "{{document}}\n{{question}}",
              text,
              question,
              key));
    }
    return documents;
  }

  /** The same loop around a fact in the demo model's words, asked with the task's own template. */
  static List<EvalDocument> facts(SuiteInput input) {
    List<EvalDocument> documents = new ArrayList<>();
    Haystack nothing = Haystack.of(List.of(LOOP), input.tokenizer());
    for (Place place : places(input, "passkey_facts")) {
      Random random = input.random(place.id);
      Fact fact = Fact.draw(random, Fact.pick(random, Fact.KINDS), nothing, List.of());
      String text = loop(input, place, fact.sentence(), input.template() + fact.question());
      documents.add(
          document(
              place,
              "passkey_facts",
              Metric.FIRST_INTEGER,
              input.template(),
              text,
              fact.question(),
              fact.number()));
    }
    return documents;
  }

  private record Place(String id, int length, double depth) {}

  /** The paper puts key i of n at depth i / n; here each sample shifts the depths a little. */
  private static List<Place> places(SuiteInput input, String suite) {
    List<Place> places = new ArrayList<>();
    for (int length : input.lengths(0)) {
      for (int depth : input.depths()) {
        for (int sample = 0; sample < input.samples(); sample++) {
          places.add(new Place(suite + "-" + length + "-" + depth + "-" + sample, length, depth));
        }
      }
    }
    return places;
  }

  private static String loop(SuiteInput input, Place place, String needle, String around) {
    int used = input.tokens(around) + input.tokens(needle) + NEW_TOKENS + BEGIN_AND_JOINTS;
    int once = input.tokens(LOOP);
    if (place.length < used + once) {
      throw input.tooShort(place.length, used + once);
    }
    List<String> filler = Collections.nCopies((place.length - used) / once, LOOP);
    return Haystack.hide(filler, List.of(needle), List.of(place.depth));
  }

  private static EvalDocument document(
      Place place,
      String suite,
      Metric metric,
      String template,
      String text,
      String question,
      String key) {
    return new EvalDocument(
        place.id,
        suite,
        suite,
        new Aim(place.length, place.depth),
        new Prompt(template, true, NEW_TOKENS),
        Scoring.by(metric.word()),
        text,
        List.of(new EvalQuestion(question, List.of(key))));
  }
}
