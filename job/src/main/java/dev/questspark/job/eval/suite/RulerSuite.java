package dev.questspark.job.eval.suite;

import dev.questspark.job.eval.EvalDocument;
import dev.questspark.job.eval.EvalDocument.Aim;
import dev.questspark.job.eval.EvalDocument.EvalQuestion;
import dev.questspark.job.eval.EvalDocument.Prompt;
import dev.questspark.job.eval.EvalDocument.Scoring;
import dev.questspark.job.eval.score.Metric;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;

/** Two tasks of RULER (arXiv 2404.06654), by their definitions, in the corpus's prose. */
final class RulerSuite {
  private static final int KEYS = 4;
  private static final int HOPS = 4;
  private static final int CHAINS = 2;
  private static final int NUMBER_DIGITS_BOUND = 9_000_000;
  private static final int LEAST_NUMBER = 1_000_000;
  private static final int NAME_LETTERS = 5;
  private static final int MULTIKEY_TOKENS = 32;
  private static final int TRACKING_TOKENS = 64;
  private static final String TEMPLATE = "{{document}}\n\n{{question}}";

  private RulerSuite() {}

  /** One of four keys is asked for (section 3, multi-keys needle). */
  static List<EvalDocument> multikey(SuiteInput input) {
    List<Integer> lengths = input.lengths(0);
    Haystack haystack = input.haystack();
    List<EvalDocument> documents = new ArrayList<>();
    for (int length : lengths) {
      for (int depth : input.depths()) {
        for (int sample = 0; sample < input.samples(); sample++) {
          String id = "multikey-" + length + "-" + depth + "-" + sample;
          Random random = input.random(id);
          List<String> hidden = new ArrayList<>();
          List<Double> depths = new ArrayList<>();
          String asked = null;
          String value = null;
          for (String name : names(random, KEYS)) {
            String number = number(random);
            hidden.add("The special magic number for " + name + " is " + number + ".");
            depths.add(asked == null ? depth : 100 * random.nextDouble());
            asked = asked == null ? name : asked;
            value = value == null ? number : value;
          }
          String question =
              "Which special magic number does the text give for "
                  + asked
                  + "? The special magic number for "
                  + asked
                  + " is";
          documents.add(
              document(
                  input,
                  haystack,
                  random,
                  id,
                  "multikey",
                  length,
                  (double) depth,
                  hidden,
                  depths,
                  question,
                  List.of(value),
                  MULTIKEY_TOKENS));
        }
      }
    }
    return documents;
  }

  /** All variables that hold a value, through a chain of assignments (section 3). */
  static List<EvalDocument> variableTracking(SuiteInput input) {
    List<Integer> lengths = input.lengths(0);
    Haystack haystack = input.haystack();
    List<EvalDocument> documents = new ArrayList<>();
    for (int length : lengths) {
      for (int sample = 0; sample < input.samples() * input.depths().size(); sample++) {
        String id = "variable_tracking-" + length + "-" + sample;
        Random random = input.random(id);
        List<String> names = new ArrayList<>(names(random, CHAINS * (HOPS + 1)));
        List<String> hidden = new ArrayList<>();
        List<Double> depths = new ArrayList<>();
        String asked = null;
        for (int chain = 0; chain < CHAINS; chain++) {
          String number = number(random);
          asked = asked == null ? number : asked;
          double[] places = random.doubles(HOPS + 1, 0, 100).sorted().toArray();
          for (int hop = 0; hop <= HOPS; hop++) {
            int at = chain * (HOPS + 1) + hop;
            String from = hop == 0 ? number : "VAR " + names.get(at - 1);
            hidden.add("VAR " + names.get(at) + " = " + from + ".");
            depths.add(places[hop]);
          }
        }
        String question =
            "Name every variable that holds the value "
                + asked
                + ", directly or through other variables. The variables are:";
        documents.add(
            document(
                input,
                haystack,
                random,
                id,
                "variable_tracking",
                length,
                null,
                hidden,
                depths,
                question,
                names.subList(0, HOPS + 1),
                TRACKING_TOKENS));
      }
    }
    return documents;
  }

  private static EvalDocument document(
      SuiteInput input,
      Haystack haystack,
      Random random,
      String id,
      String suite,
      int length,
      Double depth,
      List<String> hidden,
      List<Double> depths,
      String question,
      List<String> references,
      int newTokens) {
    int used = input.tokens(question) + newTokens + TEMPLATE.length() / 2;
    int facts = hidden.stream().mapToInt(fact -> input.tokens(fact + " ")).sum();
    List<String> filler = haystack.take(random, length - used - facts);
    if (filler.isEmpty()) {
      throw input.tooShort(length, used + facts + haystack.shortest());
    }
    return new EvalDocument(
        id,
        suite,
        suite,
        new Aim(length, depth),
        new Prompt(TEMPLATE, true, newTokens),
        Scoring.by(Metric.MATCH_ALL.word()),
        Haystack.hide(filler, hidden, depths),
        List.of(new EvalQuestion(question, references)));
  }

  private static Set<String> names(Random random, int count) {
    Set<String> names = new LinkedHashSet<>();
    while (names.size() < count) {
      StringBuilder name = new StringBuilder();
      for (int i = 0; i < NAME_LETTERS; i++) {
        name.append((char) ('A' + random.nextInt(26)));
      }
      names.add(name.toString());
    }
    return names;
  }

  private static String number(Random random) {
    return String.valueOf(LEAST_NUMBER + random.nextInt(NUMBER_DIGITS_BOUND));
  }
}
