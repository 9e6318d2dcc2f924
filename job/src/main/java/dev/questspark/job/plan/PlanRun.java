package dev.questspark.job.plan;

import dev.questspark.engine.EngineConfig;
import dev.questspark.engine.EnginePlan;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.family.ConfigOverrides;
import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.ops.backend.DeviceName;
import dev.questspark.engine.plan.DocumentPlan;
import dev.questspark.engine.plan.PrefillWork;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.job.executor.Policies;
import dev.questspark.job.model.ModelFolder;
import dev.questspark.job.options.BoundOptions;
import dev.questspark.job.options.EngineOptions;
import dev.questspark.job.options.ExitCode;
import dev.questspark.job.progress.ResultTable;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.SparkSession;

/**
 * {@code plan}: how an engine would divide its memory, and what a document takes of it under each
 * policy. Reads the model's configuration, no weights; runs nothing.
 */
public final class PlanRun {
  /** Tokens that a question is taken to have. */
  private static final int QUESTION = 64;

  private static final int TEXT_COLUMNS = 2;
  private static final double MIB = 1 << 20;
  private static final double TERA = 1e12;

  private final BoundOptions options;
  private final List<ReadPolicy> policies;
  private final List<Integer> lengths;
  private final PrintStream out;

  /**
   * @param lengths of documents, in tokens; empty for the longest
   * @throws ConfigException on the first thing that is wrong
   */
  public PlanRun(BoundOptions options, List<Integer> lengths, PrintStream out) {
    this.options = options;
    this.policies = Policies.of(options.inference());
    this.lengths = lengths;
    this.out = out;
    options.inference().requireReader();
  }

  /** Runs; returns the process's exit code. */
  public int run(SparkSession spark) {
    EngineOptions engine = options.inference().engine();
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    ModelFolder model = ModelFolder.of(engine.model().location(), false, hadoop);
    model.check(engine.model().configOverrides());
    Optional<ModelFolder> reader =
        Optional.ofNullable(engine.model().reader()).map(it -> ModelFolder.of(it, false, hadoop));
    reader.ifPresent(it -> it.check(ConfigOverrides.NONE));
    List<Planned> planned = new ArrayList<>();
    for (CachePolicy policy : options.inference().selection().cachePolicies()) {
      EngineConfig config = config(engine, model, reader, policy);
      EnginePlan plan = EnginePlan.of(config);
      planned.add(new Planned(policy, plan, plan.divide(plan.cacheDType(), free(config))));
    }
    int behind = QUESTION + options.inference().sampling().end().maxTokens();
    tell(model, reader, planned, behind);
    out.print(ResultTable.aligned(table(planned, behind), TEXT_COLUMNS));
    return ExitCode.DONE;
  }

  /** An engine whose documents all have one policy. */
  private record Planned(CachePolicy policy, EnginePlan plan, EnginePlan.Memory memory) {
    String name() {
      return plan.reading().resolved(policy).label();
    }
  }

  private EngineConfig config(
      EngineOptions engine,
      ModelFolder model,
      Optional<ModelFolder> reader,
      CachePolicy cachePolicy) {
    return engine.config(
        model.path(),
        reader.map(ModelFolder::path),
        engine.device(),
        Policies.pageScores(policies),
        Policies.scratch(policies),
        Set.of(cachePolicy),
        1);
  }

  /** Memory that is given outright, or what is free here; a GPU need not be here. */
  private static long free(EngineConfig config) {
    if (config.kvCacheBytes() == 0 && !config.device().equals(DeviceName.CPU)) {
      throw new ConfigException(
          "plan does not ask a GPU for its memory; give --kv-cache-memory-bytes, such as 60g");
    }
    Runtime jvm = Runtime.getRuntime();
    return jvm.maxMemory() - jvm.totalMemory() + jvm.freeMemory();
  }

  private void tell(
      ModelFolder model, Optional<ModelFolder> reader, List<Planned> planned, int behind) {
    EnginePlan plan = planned.get(0).plan();
    ModelConfig shape = plan.model();
    EnginePlan.Memory first = planned.get(0).memory();
    line(
        "model",
        "%d layers, %d query and %d KV heads of %d; weights %,.0f MiB as stored",
        shape.layers(),
        shape.heads(),
        shape.kvHeads(),
        shape.headDim(),
        (model.weightBytes() + reader.map(ModelFolder::weightBytes).orElse(0L)) / MIB);
    line(
        "cache",
        "%s, digests in %s of %d tokens, pages of %d",
        first.geometry().dtype().optionName(),
        first.geometry().digestDType().optionName(),
        first.geometry().digestBlockSize(),
        first.geometry().pageSize());
    for (Planned of : planned) {
      EnginePlan.Memory memory = of.memory();
      line(
          "",
          "%s: %,.0f MiB, of it %,d live pages %,.0f, compressed documents %,.0f, reading %,.0f",
          of.name(),
          memory.bytes() / MIB,
          memory.pages(),
          memory.liveBytes() / MIB,
          memory.prefixes().bytes() / MIB,
          memory.readerBytes() / MIB);
    }
    line(
        "documents",
        "each with one question; question and answer take %d tokens, max_model_len is %,d",
        behind,
        plan.maxModelLen());
    line(
        "at once",
        "documents that memory holds; max_num_seqs %d of their questions are in a step",
        options.inference().engine().batching().maxNumSeqs());
    line("operations", "of a dense prefill; lists of key blocks (--prefill) save attention's");
    out.println();
  }

  private void line(String name, String format, Object... values) {
    out.printf(Locale.ROOT, "%-12s " + format + "%n", prepend(name, values));
  }

  private static Object[] prepend(String name, Object[] values) {
    Object[] all = new Object[values.length + 1];
    all[0] = name;
    System.arraycopy(values, 0, all, 1, values.length);
    return all;
  }

  private List<List<String>> table(List<Planned> planned, int behind) {
    List<List<String>> lines = new ArrayList<>();
    lines.add(
        List.of(
            "cache_policy",
            "policy",
            "tokens",
            "prefilled",
            "MiB",
            "at once",
            "prefill TFLOP",
            "attention",
            "MiB read per token"));
    int maxModelLen = planned.get(0).plan().maxModelLen();
    int longest = maxModelLen - behind;
    for (int tokens : lengths.isEmpty() ? List.of(longest) : lengths) {
      if (tokens > longest) {
        throw new ConfigException(
            "--lengths has "
                + tokens
                + ", but max_model_len "
                + maxModelLen
                + " leaves "
                + longest
                + " tokens for a document beside question and answer; give less");
      }
      for (Planned of : planned) {
        DocumentPlan document = new DocumentPlan(of.plan(), of.memory(), of.policy(), tokens);
        PrefillWork work = PrefillWork.of(of.plan(), of.policy(), tokens);
        for (ReadPolicy policy : policies) {
          OptionalLong read = document.decodeBytes(policy, behind);
          lines.add(
              List.of(
                  of.name(),
                  policy.label(),
                  number("%,.0f", tokens),
                  number("%,.0f", document.keptTokens()),
                  number("%,.1f", document.bytes() / MIB),
                  number("%,.0f", document.atOnce(behind)),
                  number("%,.2f", work.total() / TERA),
                  number("%.0f %%", 100 * work.attention() / work.total()),
                  read.isPresent() ? number("%,.2f", read.getAsLong() / MIB) : "-"));
        }
      }
    }
    return lines;
  }

  private static String number(String format, double value) {
    return String.format(Locale.ROOT, format, value);
  }
}
