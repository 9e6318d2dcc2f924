package dev.questspark.job.eval.suite;

import static dev.questspark.job.eval.suite.SuiteOptions.ASKED;
import static dev.questspark.job.eval.suite.SuiteOptions.FOLDER;
import static dev.questspark.job.eval.suite.SuiteOptions.HIDDEN;
import static dev.questspark.job.eval.suite.SuiteOptions.LENGTHS;
import static dev.questspark.job.eval.suite.SuiteOptions.MAX_TOKENS;
import static dev.questspark.job.eval.suite.SuiteOptions.QUESTIONS;
import static dev.questspark.job.eval.suite.SuiteOptions.TEMPLATE;
import static dev.questspark.job.eval.suite.SuiteOptions.TEXTS;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.eval.EvalDocument;
import dev.questspark.job.options.Choices.OnTooLong;
import dev.questspark.job.options.JobKeys;
import dev.questspark.job.options.JobOptions;
import dev.questspark.job.options.OptionKey;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

/** Every suite by name; one line each. */
public final class Suites {
  /** The input's own documents and questions. */
  public static final String CORPUS = "corpus";

  private static final Map<String, Suite> BY_NAME = byName();

  private Suites() {}

  /**
   * A suite.
   *
   * @param heeds what it reads of the options that are not every suite's
   */
  private record Suite(
      Function<SuiteInput, List<EvalDocument>> documents, Set<OptionKey<?>> heeds) {}

  private static Map<String, Suite> byName() {
    Map<String, Suite> suites = new LinkedHashMap<>();
    suites.put(
        CORPUS,
        suite(CorpusSuite::documents, List.of(TEXTS, QUESTIONS, TEMPLATE, MAX_TOKENS, ASKED)));
    suites.put("passkey", suite(PasskeySuite::paper, List.of(HIDDEN, ASKED)));
    suites.put("passkey_facts", suite(PasskeySuite::facts, List.of(HIDDEN, TEMPLATE, ASKED)));
    suites.put(
        "needle", suite(FactSuite::needle, List.of(TEXTS, HIDDEN, TEMPLATE, MAX_TOKENS, ASKED)));
    suites.put("multikey", suite(RulerSuite::multikey, List.of(TEXTS, HIDDEN, ASKED)));
    suites.put(
        "multikey_facts",
        suite(FactSuite::multikey, List.of(TEXTS, HIDDEN, TEMPLATE, MAX_TOKENS, ASKED)));
    suites.put(
        "variable_tracking", suite(RulerSuite::variableTracking, List.of(TEXTS, HIDDEN, ASKED)));
    suites.put(LongBenchSuite.NAME, suite(LongBenchSuite::documents, List.of(FOLDER, ASKED)));
    suites.put("kvpress", suite(KvpressSuite::documents, List.of(FOLDER, ASKED)));
    suites.put("perplexity", suite(PerplexitySuite::documents, List.of(TEXTS, LENGTHS, TEMPLATE)));
    return suites;
  }

  private static Suite suite(
      Function<SuiteInput, List<EvalDocument>> documents, List<Set<OptionKey<?>>> heeds) {
    return new Suite(documents, heeds.stream().flatMap(Set::stream).collect(Collectors.toSet()));
  }

  private static Suite find(String name) {
    Suite suite = BY_NAME.get(name);
    if (suite == null) {
      throw new ConfigException(
          "suite '" + name + "' is unknown; known: " + String.join(", ", BY_NAME.keySet()));
    }
    return suite;
  }

  /**
   * Options that other suites heed and this one does not.
   *
   * @throws ConfigException when there is no such suite
   */
  public static Set<OptionKey<?>> unheeded(String name) {
    Set<OptionKey<?>> heeded = find(name).heeds();
    return BY_NAME.values().stream()
        .flatMap(suite -> suite.heeds().stream())
        .filter(key -> !heeded.contains(key))
        .collect(Collectors.toSet());
  }

  /** Whether a suite asks the input's own questions, and not only reads its texts. */
  public static boolean asksInput(String name) {
    return find(name).heeds().containsAll(QUESTIONS);
  }

  /**
   * What a suite does with a document that does not fit into the context: as {@code on_too_long}
   * says. LongBench's own protocol cuts the middle, and holds where nobody said anything.
   *
   * @throws ConfigException for map_reduce
   */
  public static OnTooLong onTooLong(String name, JobOptions options) {
    OnTooLong wanted = options.get(JobKeys.ON_TOO_LONG);
    if (wanted == OnTooLong.MAP_REDUCE) {
      throw new ConfigException(
          "--on-too-long map_reduce cannot be measured by sweep and eval, which compare answers from"
              + " one prompt each; give error or truncate_middle.");
    }
    return cutsByProtocol(name, options) ? OnTooLong.TRUNCATE_MIDDLE : wanted;
  }

  /** Whether a suite cuts documents because its protocol does, and not because someone asked. */
  public static boolean cutsByProtocol(String name, JobOptions options) {
    return name.equals(LongBenchSuite.NAME) && !options.given(JobKeys.ON_TOO_LONG);
  }

  /**
   * The documents of a suite.
   *
   * @throws ConfigException when there is no such suite, or its input is not as it must be
   */
  public static List<EvalDocument> documents(String name, SuiteInput input) {
    List<EvalDocument> documents = find(name).documents().apply(input);
    if (documents.isEmpty()) {
      throw new ConfigException("suite " + name + " has no documents; check --input");
    }
    return documents;
  }
}
