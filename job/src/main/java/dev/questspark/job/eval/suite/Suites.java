package dev.questspark.job.eval.suite;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.eval.EvalDocument;
import dev.questspark.job.options.Choices.OnTooLong;
import dev.questspark.job.options.JobKeys;
import dev.questspark.job.options.JobOptions;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** Every suite by name; one line each. */
public final class Suites {
  private static final Map<String, Function<SuiteInput, List<EvalDocument>>> BY_NAME = byName();

  private Suites() {}

  private static Map<String, Function<SuiteInput, List<EvalDocument>>> byName() {
    Map<String, Function<SuiteInput, List<EvalDocument>>> suites = new LinkedHashMap<>();
    suites.put("corpus", CorpusSuite::documents);
    suites.put("passkey", PasskeySuite::paper);
    suites.put("passkey_facts", PasskeySuite::facts);
    suites.put("needle", FactSuite::needle);
    suites.put("multikey", RulerSuite::multikey);
    suites.put("multikey_facts", FactSuite::multikey);
    suites.put("variable_tracking", RulerSuite::variableTracking);
    suites.put(LongBenchSuite.NAME, LongBenchSuite::documents);
    suites.put("kvpress", KvpressSuite::documents);
    suites.put("perplexity", PerplexitySuite::documents);
    return suites;
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
    Function<SuiteInput, List<EvalDocument>> suite = BY_NAME.get(name);
    if (suite == null) {
      throw new ConfigException(
          "suite '" + name + "' is unknown; known: " + String.join(", ", BY_NAME.keySet()));
    }
    List<EvalDocument> documents = suite.apply(input);
    if (documents.isEmpty()) {
      throw new ConfigException("suite " + name + " has no documents; check --input");
    }
    return documents;
  }
}
