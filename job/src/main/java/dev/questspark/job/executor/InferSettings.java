package dev.questspark.job.executor;

import dev.questspark.engine.EngineConfig;
import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.ops.backend.DeviceName;
import dev.questspark.engine.select.SelectorSpec;
import dev.questspark.job.corpus.Question;
import dev.questspark.job.options.Choices.QuestionAttention;
import dev.questspark.job.options.JobKeys;
import dev.questspark.job.options.JobOptions;
import dev.questspark.job.prompt.TaskTemplates;
import java.io.Serializable;
import java.util.List;
import org.apache.spark.util.SerializableConfiguration;

/**
 * What every task of a run needs to know.
 *
 * @param policies what {@link Policies} made of the options
 * @param templates prompt texts
 * @param threads CPU threads of an engine; 0 takes the processors of the executor's machine
 * @param stepsFolder where step traces go; empty writes none
 * @param hadoop how to reach it
 */
public record InferSettings(
    JobOptions options,
    List<SelectorSpec> policies,
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
    return EngineConfig.builder(options.model().folder(hadoop.value()))
        .device(DeviceName.parse(backend))
        .dtype(options.get(JobKeys.DTYPE))
        .weightDType(options.get(JobKeys.WEIGHT_DTYPE))
        .maxModelLen(options.get(JobKeys.MAX_MODEL_LEN))
        .pageSize(options.get(JobKeys.PAGE_SIZE))
        .maxNumSeqs(options.get(JobKeys.MAX_NUM_SEQS))
        .maxNumBatchedTokens(options.get(JobKeys.MAX_NUM_BATCHED_TOKENS))
        .kvCacheBytes(options.get(JobKeys.KV_CACHE_MEMORY_BYTES))
        .memoryUtilization(options.get(JobKeys.GPU_MEMORY_UTILIZATION))
        .pageScores(Policies.pageScores(policies))
        .digestDType(options.get(JobKeys.DIGEST_DTYPE))
        .threads(threads > 0 ? threads : Runtime.getRuntime().availableProcessors())
        .batchInvariant(options.get(JobKeys.BATCH_INVARIANT))
        .overcommit(options.get(JobKeys.OVERCOMMIT))
        .build();
  }

  /** The same for some of the policies; the engine stays the same one. */
  public InferSettings withPolicies(List<SelectorSpec> some) {
    return new InferSettings(
        options, some, templates, runId, paramsHash, threads, stepsFolder, hadoop);
  }

  /** Where the engine runs, as the {@code gpu_address} column shows it. */
  public String device() {
    return options.get(JobKeys.BACKEND).toString();
  }

  public boolean denseQuestion() {
    return options.get(JobKeys.QUESTION_ATTENTION) == QuestionAttention.DENSE;
  }

  public int maxInFlight() {
    int given = options.get(JobKeys.MAX_IN_FLIGHT);
    return given > 0 ? given : options.get(JobKeys.MAX_NUM_SEQS) + 1;
  }

  /**
   * How a row is drawn. The seed belongs to the row, so that partitions and batch mates do not
   * matter; policies share it, so that they are compared on the same draw.
   *
   * @param endTokenIds the model's own ends
   */
  public SamplingParams sampling(String documentId, Question question, List<Integer> endTokenIds) {
    List<Integer> ends = new java.util.ArrayList<>(endTokenIds);
    ends.addAll(options.get(JobKeys.STOP_TOKEN_IDS));
    return new SamplingParams(
        options.get(JobKeys.MAX_TOKENS),
        options.get(JobKeys.TEMPERATURE).floatValue(),
        options.get(JobKeys.TOP_P).floatValue(),
        options.get(JobKeys.TOP_K),
        options.get(JobKeys.MIN_P).floatValue(),
        options.get(JobKeys.REPETITION_PENALTY).floatValue(),
        RowSeed.of(options.get(JobKeys.SEED), documentId, question.number()),
        options.get(JobKeys.STOP),
        ends,
        options.get(JobKeys.IGNORE_EOS));
  }
}
