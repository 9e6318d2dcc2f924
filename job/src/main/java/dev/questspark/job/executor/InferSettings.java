package dev.questspark.job.executor;

import dev.questspark.engine.EngineConfig;
import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.job.corpus.Question;
import dev.questspark.job.options.EngineOptions;
import dev.questspark.job.options.InferenceOptions;
import dev.questspark.job.options.SamplingOptions.AnswerEnd;
import dev.questspark.job.options.SamplingOptions.Draw;
import dev.questspark.job.prompt.TaskTemplates;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.apache.spark.util.SerializableConfiguration;

/**
 * What every task of a run needs to know.
 *
 * @param policies what {@link Policies} made of the options
 * @param templates prompt texts
 * @param threads CPU threads of an engine; 0 takes the cores that Spark counts for the executor
 * @param stepsFolder where step traces go; empty writes none
 * @param hadoop how to reach it
 */
public record InferSettings(
    InferenceOptions options,
    List<ReadPolicy> policies,
    TaskTemplates templates,
    String runId,
    String paramsHash,
    int threads,
    String stepsFolder,
    SerializableConfiguration hadoop)
    implements Serializable {

  /**
   * What an engine opens with.
   *
   * @param backend {@link #device}, or the one of its GPUs that Spark assigned
   */
  EngineConfig engineConfig(String backend) {
    EngineOptions engine = options.engine();
    return engine.config(
        engine.model().location().folder(hadoop.value()),
        Optional.ofNullable(engine.model().reader()).map(it -> it.folder(hadoop.value())),
        backend,
        Policies.pageScores(policies),
        Policies.scratch(policies),
        Set.copyOf(cachePolicies()),
        threads > 0 ? threads : ExecutorCores.ofThisProcess());
  }

  /** The same for some of the policies; the engine stays the same one. */
  public InferSettings withPolicies(List<ReadPolicy> some) {
    return new InferSettings(
        options, some, templates, runId, paramsHash, threads, stepsFolder, hadoop);
  }

  /** Every one that documents are submitted with. */
  public List<CachePolicy> cachePolicies() {
    return options.selection().cachePolicies();
  }

  /** What becomes of a document's keys and values in a run. */
  public CachePolicy cachePolicy() {
    return options.selection().cachePolicy();
  }

  /** Where the engine runs, as the {@code gpu_address} column shows it. */
  public String device() {
    return options.engine().device();
  }

  public int maxInFlight() {
    return options.engine().maxInFlight();
  }

  /**
   * How a row is drawn. The seed belongs to the row, so that partitions and batch mates do not
   * matter; policies share it, so that they are compared on the same draw.
   *
   * @param endTokenIds the model's own ends
   */
  public SamplingParams sampling(String documentId, Question question, List<Integer> endTokenIds) {
    Draw draw = options.sampling().draw();
    AnswerEnd end = options.sampling().end();
    List<Integer> ends = new ArrayList<>(endTokenIds);
    ends.addAll(end.stopTokenIds());
    return SamplingParams.builder(end.maxTokens())
        .temperature((float) draw.temperature())
        .topP((float) draw.topP())
        .topK(draw.topK())
        .minP((float) draw.minP())
        .repetitionPenalty((float) draw.repetitionPenalty())
        .seed(RowSeed.of(draw.seed(), documentId, question.number()))
        .stop(end.stop())
        .stopTokenIds(ends)
        .ignoreEos(end.ignoreEos())
        .build();
  }
}
