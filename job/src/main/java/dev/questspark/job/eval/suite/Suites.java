package dev.questspark.job.eval.suite;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.eval.EvalDocument;
import dev.questspark.job.options.Choices.OnTooLong;
import dev.questspark.job.options.LongDocumentOptions;
import dev.questspark.job.options.Suite;
import java.util.List;

/** The documents of every suite; {@link Suite} says which options it reads. */
public final class Suites {
  private Suites() {}

  /**
   * What a suite does with a document that does not fit into the context: as {@code on_too_long}
   * says. LongBench's own protocol cuts the middle, and holds where nobody said anything.
   */
  public static OnTooLong onTooLong(Suite suite, LongDocumentOptions options) {
    return cutsByProtocol(suite, options) ? OnTooLong.TRUNCATE_MIDDLE : options.onTooLong();
  }

  /** Whether a suite cuts documents because its protocol does, and not because someone asked. */
  public static boolean cutsByProtocol(Suite suite, LongDocumentOptions options) {
    return suite == Suite.LONGBENCH && !options.given();
  }

  /**
   * The documents of the suite that the input's options name.
   *
   * @throws ConfigException when its input is not as it must be
   */
  public static List<EvalDocument> documents(SuiteInput input) {
    Suite suite = input.options().suite();
    List<EvalDocument> documents =
        switch (suite) {
          case CORPUS -> CorpusSuite.documents(input);
          case PASSKEY -> PasskeySuite.paper(input);
          case PASSKEY_FACTS -> PasskeySuite.facts(input);
          case NEEDLE -> FactSuite.needle(input);
          case MULTIKEY -> RulerSuite.multikey(input);
          case MULTIKEY_FACTS -> FactSuite.multikey(input);
          case VARIABLE_TRACKING -> RulerSuite.variableTracking(input);
          case LONGBENCH -> LongBenchSuite.documents(input);
          case KVPRESS -> KvpressSuite.documents(input);
          case PERPLEXITY -> PerplexitySuite.documents(input);
          case DIVERGENCE, CALIBRATION -> DivergenceSuite.documents(input);
        };
    if (documents.isEmpty()) {
      throw new ConfigException("suite " + suite.word() + " has no documents; check --input");
    }
    return documents;
  }
}
