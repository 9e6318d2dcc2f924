package dev.questspark.engine;

import dev.questspark.engine.cache.KvStore;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.failure.DocumentException;
import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.engine.model.Decoder;
import dev.questspark.engine.model.ModelWeights;
import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.model.rope.RopeTable;
import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.pages.PagePool;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.policy.cache.TokenSelection;
import dev.questspark.engine.policy.cache.tokens.Positions;
import dev.questspark.engine.prefix.PrefixMemory;
import dev.questspark.engine.prefix.PrefixStores;
import dev.questspark.engine.reader.ReaderModel;
import dev.questspark.engine.reader.Readers;
import dev.questspark.engine.reader.ReadingPlan;
import dev.questspark.engine.schedule.Scheduler;
import dev.questspark.engine.schedule.SchedulerLimits;
import dev.questspark.engine.select.SelectionScratch;
import dev.questspark.engine.stats.EngineReport;
import dev.questspark.engine.stats.StepStats;
import dev.questspark.engine.tokens.HfTokenizer;
import dev.questspark.engine.tokens.StopChecker;
import dev.questspark.engine.tokens.Tokenizer;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One inference engine on one device: long documents in, answers out. Any thread may submit; one
 * thread of its own runs the steps. All memory is planned at open; a request that cannot fit is
 * refused with numbers.
 *
 * <p>A document is prefilled once, as its {@link CachePolicy} says, regardless of the number of its
 * questions and of their policies.
 */
public final class Engine implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Engine.class);

  private final EngineConfig config;
  private final AttentionProbe probe;
  private final ModelConfig model;
  private final Tokenizer tokenizer;
  private final int maxModelLen;
  private final PageShape shape;
  private final PageShape prefixShape;
  private final ReadingPlan reading;
  private final Deque<AutoCloseable> resources;
  private final EngineTotals totals;
  private final EngineReport.Setup setup;
  private final EngineReport.Memory memory;
  private final EngineLoop loop;
  private final Thread thread;
  private final AtomicLong nextId = new AtomicLong();

  private Engine(Opening opening, Consumer<StepStats> listener, AttentionProbe probe) {
    this.config = opening.config;
    this.probe = probe;
    this.model = opening.model;
    this.tokenizer = opening.tokenizer;
    this.maxModelLen = opening.maxModelLen;
    this.shape = opening.kvStore.geometry().shape();
    this.reading = opening.reading;
    this.resources = opening.resources;
    this.totals = new EngineTotals();
    this.setup = opening.setup;
    this.memory = opening.memory;
    this.prefixShape = opening.prefixes.shape();
    StepPlanner planner = new StepPlanner(shape, prefixShape);
    StepRunner runner =
        new StepRunner(
            opening.backend, model, opening.kvStore, opening.prefixes, opening.decoder, totals);
    SchedulerLimits limits =
        new SchedulerLimits(
            config.pageSize(),
            config.maxNumSeqs(),
            config.maxNumBatchedTokens(),
            config.overcommit());
    Scheduler scheduler =
        new Scheduler(
            limits,
            new PagePool(opening.kvStore.pages()),
            opening.prefixes.stores().stream().map(s -> new PagePool(s.pages())).toList());
    Readings readings =
        new Readings(opening.readers, config, maxModelLen, nextId::getAndIncrement, totals);
    this.loop = new EngineLoop(scheduler, readings, planner, runner, totals, listener);
    this.thread = new Thread(loop, "quest-engine");
    thread.setDaemon(true);
    thread.start();
  }

  /**
   * Opens an engine with the folder's own tokenizer; see {@link #open(EngineConfig, Tokenizer,
   * Consumer)}.
   */
  public static Engine open(EngineConfig config) {
    return open(config, HfTokenizer.open(config.model()), step -> {});
  }

  /**
   * Reads the model, plans the memory, starts the engine thread.
   *
   * @param tokenizer turns generated ids into text
   * @param listener gets every step's statistics, on the engine thread
   * @throws ConfigException if anything about the model folder or the configuration does not fit
   */
  public static Engine open(
      EngineConfig config, Tokenizer tokenizer, Consumer<StepStats> listener) {
    return open(config, tokenizer, listener, AttentionProbe.NONE);
  }

  /**
   * The same with somebody who watches the attention of some questions.
   *
   * @param probe says which
   */
  public static Engine open(
      EngineConfig config,
      Tokenizer tokenizer,
      Consumer<StepStats> listener,
      AttentionProbe probe) {
    Opening opening = new Opening(config, tokenizer);
    try {
      opening.run();
      return new Engine(opening, listener, probe);
    } catch (RuntimeException | Error e) {
      closeAll(opening.resources);
      throw e;
    }
  }

  /** The steps of opening, and what they leave behind. */
  private static final class Opening {
    final EngineConfig config;
    final Tokenizer tokenizer;
    final Deque<AutoCloseable> resources = new ArrayDeque<>();
    ModelConfig model;
    Backend backend;
    KvStore kvStore;
    PrefixStores prefixes;
    Decoder decoder;
    ReadingPlan reading;
    Readers readers;
    int maxModelLen;
    EngineReport.Setup setup;
    EngineReport.Memory memory;

    Opening(EngineConfig config, Tokenizer tokenizer) {
      this.config = config;
      this.tokenizer = tokenizer;
    }

    void run() {
      long start = System.nanoTime();
      EnginePlan plan = EnginePlan.of(config);
      model = plan.model();
      maxModelLen = plan.maxModelLen();
      reading = plan.reading();
      backend = keep(Backends.open(config, model, maxModelLen, reading.longestPrompt()));
      ModelWeights weights = keep(ModelWeights.load(config.model(), model, backend));
      Optional<ReaderModel> second = reading.load(backend);
      second.ifPresent(this::keep);
      EnginePlan.Memory planned = plan.divide(backend.cacheDType(), backend.freeBytes());
      KvGeometry geometry = planned.geometry();
      int pages = planned.pages();
      prefixes = keep(new PrefixStores(backend, geometry, planned.prefixes(), config.pageScores()));
      kvStore =
          keep(
              new KvStore(
                  backend,
                  geometry,
                  pages,
                  config.pageScores(),
                  config.scratch().contains(SelectionScratch.INT4_KEYS),
                  model::window));
      int beyond = PrefixMemory.positionsBeyond(config.cachePolicies(), maxModelLen);
      decoder =
          keep(
              new Decoder(
                  backend,
                  model,
                  weights,
                  kvStore,
                  maxModelLen,
                  rope -> RopeTable.build(rope, model.headDim(), maxModelLen, beyond),
                  config.maxNumBatchedTokens(),
                  config.maxNumSeqs(),
                  config.scratch(),
                  plan.blockLists()));
      if (config.cachePolicies().stream().anyMatch(it -> it.reconstruction().isPresent())) {
        prefixes.scoreBy(
            backend,
            decoder,
            model,
            kvStore,
            text -> tokenizer.encode(text, false),
            config.maxNumBatchedTokens());
      }
      readers =
          keep(reading.open(backend, decoder, geometry, second, config.maxNumBatchedTokens()));
      long loaded = System.nanoTime();
      WarmUp.run(backend, decoder, config, geometry.shape(), maxModelLen);
      if (!WarmUp.computesNumbers(backend, decoder, config.pageSize(), geometry.shape())) {
        throw ModelWeights.notFinite(config.model(), model);
      }
      warnOfUnknownTokens();
      memory =
          new EngineReport.Memory(
              weights.bytes() + second.map(ReaderModel::bytes).orElse(0L),
              kvStore.bytes() + planned.readerBytes() + prefixes.bytes(),
              decoder.workspaceBytes());
      setup =
          new EngineReport.Setup(
              backend.describe(),
              backend.cacheDType().optionName(),
              loaded - start,
              System.nanoTime() - loaded,
              pages,
              config.pageSize(),
              maxModelLen);
      LOG.info(
          "engine open: {}; {} KV pages of {} tokens, {} digests of {} tokens ({} MiB), weights {} MiB, max_model_len {}, loaded in {} ms, warm in {} ms",
          setup.backend(),
          pages,
          config.pageSize(),
          geometry.digestDType().optionName(),
          geometry.digestBlockSize(),
          memory.kvCacheBytes() >> 20,
          memory.weightBytes() >> 20,
          maxModelLen,
          setup.loadNanos() / 1_000_000,
          setup.warmupNanos() / 1_000_000);
    }

    private void warnOfUnknownTokens() {
      if (tokenizer.vocabSize() > model.vocabSize()) {
        LOG.warn(
            "the tokenizer of {} has ids up to {}, but the embedding has {} rows: a prompt with one beyond them is an error row",
            config.model(),
            tokenizer.vocabSize() - 1,
            model.vocabSize());
      }
    }

    private <T extends AutoCloseable> T keep(T resource) {
      resources.push(resource);
      return resource;
    }
  }

  /**
   * Queues a document with its questions. Cancelling all futures of a document drops it.
   *
   * @return one future per question, in order. A question that can never fit fails alone, with
   *     {@link DocumentException} UNKNOWN_TOKEN, TOO_LONG or EXCEEDS_KV_CACHE, or NOT_A_NUMBER
   *     later; a closed engine fails them with {@link java.util.concurrent.CancellationException};
   *     a failed device with {@link dev.questspark.engine.failure.DeviceException}; a failed engine
   *     with IllegalStateException
   * @throws ConfigException if a policy's budget has no room, or the engine lacks what a policy
   *     needs
   */
  public List<CompletableFuture<Completion>> submit(DocumentRequest asked) {
    Optional<TokenSelection> selection = reading.selection(asked.cachePolicy());
    // What cannot be asked chooses nothing, whether it is asked or not.
    DocumentRequest request =
        asked.withUnasked(it -> unknownToken(selection, asked.tokens(), it).isEmpty());
    Sequence.Document document =
        new Sequence.Document(
            nextId.getAndIncrement(),
            request,
            selection,
            System.nanoTime(),
            probe.watchPrefill(asked));
    List<CompletableFuture<Completion>> futures = new ArrayList<>();
    List<Sequence> sequences = new ArrayList<>();
    for (QuestionRequest question : request.questions()) {
      check(question, request.cachePolicy());
      Sequence sequence =
          new Sequence(
              nextId.getAndIncrement(),
              document,
              question,
              probe.watch(question),
              new StopChecker(tokenizer, question.sampling()));
      futures.add(sequence.future);
      OptionalInt unknown = unknownToken(selection, request.tokens(), question.tokens());
      if (unknown.isPresent()) {
        sequence.future.completeExceptionally(unknown(selection, unknown.getAsInt()));
      } else if (sequence.promptTokens()
          > reading.longestPrompt(selection, question.sampling().maxTokens())) {
        sequence.future.completeExceptionally(tooLong(sequence, selection));
      } else {
        sequences.add(sequence);
        sequence.future.whenComplete(
            (completion, failure) -> {
              if (sequence.future.isCancelled()) {
                loop.submit(new EngineLoop.Arrival(document, List.of()));
              }
            });
      }
    }
    if (!sequences.isEmpty()) {
      loop.submit(new EngineLoop.Arrival(document, sequences));
    }
    return futures;
  }

  private void check(QuestionRequest question, CachePolicy cachePolicy) {
    ReadPolicy policy = question.policy();
    cachePolicy.requireReadBy(policy, shape.digestBlockSize());
    if (cachePolicy.compresses() && probe.watch(question).isPresent()) {
      throw new ConfigException(
          "attention to a document that cache_policy "
              + cachePolicy.text()
              + " compresses cannot be studied; take cache_policy none");
    }
    policy.selector(shape);
    policy.requireRunsOn(config.device());
    if (policy.scratch().contains(SelectionScratch.INT4_KEYS)
        && model.scales().attentionCap() != 0) {
      throw new ConfigException(
          "policy "
              + policy.text()
              + " estimates attention weights without the cap on logits that "
              + model.family()
              + " has; take quest");
    }
    config.requirePlanned(policy);
  }

  /** A policy with every number that follows from the models written out. */
  public CachePolicy resolved(CachePolicy policy) {
    return reading.resolved(policy);
  }

  /** Most tokens of document and question together, beside an answer of so many. */
  public int longestPrompt(CachePolicy policy, int answerTokens) {
    return reading.longestPrompt(resolved(policy).part(TokenSelection.class), answerTokens);
  }

  /**
   * Most tokens of a document that is answered whatever the policy chooses of it.
   *
   * @param beside tokens of the prompt that are none of the document's, with the longest question
   * @param answerTokens most tokens of an answer
   * @param questions of the document, different ones
   * @return below 1 where there is room for none
   */
  public int longestDocument(CachePolicy policy, int beside, int answerTokens, int questions) {
    return reading.longestDocument(
        resolved(policy).part(TokenSelection.class), beside, answerTokens, questions);
  }

  /** What bounds {@link #longestPrompt}, in words. */
  public String promptBound(CachePolicy policy) {
    return reading.bound(resolved(policy).part(TokenSelection.class));
  }

  private OptionalInt unknownToken(
      Optional<TokenSelection> selection, int[] document, int[] question) {
    int known = reading.vocabSize(selection);
    return IntStream.concat(Arrays.stream(document), Arrays.stream(question))
        .filter(token -> token >= known)
        .findFirst();
  }

  private DocumentException unknown(Optional<TokenSelection> selection, int token) {
    boolean toModel = token >= model.vocabSize();
    return new DocumentException(
        ErrorCode.UNKNOWN_TOKEN,
        "the prompt has token "
            + token
            + " ("
            + tokenizer.decode(new int[] {token}, false)
            + "), but the "
            + (toModel ? "model's" : "reader model's")
            + " embedding has "
            + (toModel ? model.vocabSize() : reading.vocabSize(selection))
            + " rows");
  }

  private DocumentException tooLong(Sequence sequence, Optional<TokenSelection> selection) {
    boolean compacted = selection.filter(it -> it.positions() == Positions.COMPACTED).isPresent();
    int answer = compacted ? 0 : sequence.request.sampling().maxTokens();
    return new DocumentException(
        ErrorCode.TOO_LONG,
        "document "
            + sequence.document.request.tokens().length
            + " + question "
            + sequence.request.tokens().length
            + (compacted ? "" : " + max_tokens " + answer)
            + " = "
            + (sequence.promptTokens() + answer)
            + " tokens"
            + (compacted ? " to read" : "")
            + ", but "
            + reading.bound(selection));
  }

  /** Sums since open. */
  public EngineReport report() {
    return totals.report(setup, memory);
  }

  /** What ended the engine, if it has failed: no request will be answered any more. */
  public Optional<Throwable> failure() {
    return Optional.ofNullable(loop.broken());
  }

  /** The model's shape. */
  public ModelConfig model() {
    return model;
  }

  /** How tokens are divided into pages and digest blocks. */
  public PageShape pageShape() {
    return shape;
  }

  /** Where the model was read from. */
  public Path modelFolder() {
    return config.model();
  }

  /** The tokenizer of the model folder. */
  public Tokenizer tokenizer() {
    return tokenizer;
  }

  /** Tokens of document, question and answer together. */
  public int maxModelLen() {
    return maxModelLen;
  }

  /** Stops after the current step, fails what is unfinished, releases all memory. */
  @Override
  public void close() {
    loop.close();
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    closeAll(resources);
  }

  private static void closeAll(Deque<AutoCloseable> resources) {
    while (!resources.isEmpty()) {
      try {
        resources.pop().close();
      } catch (Exception e) {
        LOG.warn("closing the engine: {}", e.toString());
      }
    }
  }
}
