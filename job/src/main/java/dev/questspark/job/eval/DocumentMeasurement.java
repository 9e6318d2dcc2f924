package dev.questspark.job.eval;

import dev.questspark.engine.Completion;
import dev.questspark.engine.DocumentRequest;
import dev.questspark.engine.Engine;
import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.failure.DocumentException;
import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.tokens.GenerationDefaults;
import dev.questspark.job.corpus.Defect;
import dev.questspark.job.eval.rows.QualityRow;
import dev.questspark.job.eval.rows.SelectionRow;
import dev.questspark.job.eval.rows.SpeedRow;
import dev.questspark.job.executor.ExecutorEngine;
import dev.questspark.job.options.InferenceOptions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** Measures every policy on one document: speed batches first, then each question's answers. */
final class DocumentMeasurement {
  private final ExecutorEngine.Lease lease;
  private final Engine engine;
  private final EvalSettings settings;
  private final InferenceOptions options;
  private final List<ReadPolicy> policies;
  private final List<Integer> endTokenIds;

  DocumentMeasurement(ExecutorEngine.Lease lease, EvalSettings settings) {
    this.lease = lease;
    this.engine = lease.engine();
    this.settings = settings;
    this.options = settings.infer().options();
    this.policies = settings.infer().policies();
    GenerationDefaults generation =
        GenerationDefaults.read(options.engine().model().generationConfig(), engine.modelFolder());
    this.endTokenIds =
        new ArrayList<>(generation.stopTokenIds(engine.model().eosTokenIds(), engine.tokenizer()));
    endTokenIds.addAll(options.sampling().end().stopTokenIds());
  }

  /**
   * @throws ConfigException when the options do not suit the document
   */
  DocumentResult measure(EvalDocument document) {
    AnswerRows rows =
        new AnswerRows(
            document,
            policies,
            settings.infer().cachePolicy(),
            engine.model().layers() * engine.model().kvHeads());
    if (document.perplexity()) {
      return new DocumentResult(document.docId(), perplexity(document, rows), List.of(), List.of());
    }
    if (document.divergence()) {
      return new WindowMeasurement(engine, settings, rows).measure(document);
    }
    int speedTokens = settings.protocol().speedTokens();
    TokenizedEvalDocument prompt =
        TokenizedEvalDocument.of(
            document, settings, engine, Math.max(speedTokens, document.prompt().maxTokens()));
    if (prompt.asked().isEmpty()) {
      return new DocumentResult(document.docId(), refused(prompt, rows), List.of(), List.of());
    }
    int tail = settings.protocol().questionTailCharacters();
    if (tail > 0) {
      return new DocumentResult(
          document.docId(), withTails(document, prompt, rows, tail), List.of(), List.of());
    }
    SpeedBlocks blocks =
        new SpeedBlocks(
            policies,
            settings.infer().cachePolicy(),
            settings.protocol().repetitions(),
            options.engine().batching().maxNumSeqs(),
            speedTokens);
    boolean denseQuestion = options.selection().denseQuestion();
    List<QuestionRequest> requests =
        new ArrayList<>(blocks.requests(prompt.questions(), denseQuestion));
    int speedRows = requests.size();
    for (int[] question : prompt.questions()) {
      requests.addAll(answers(question, denseQuestion, document.prompt().maxTokens()));
    }
    Optional<WatchedQuestion> watch = watch(document, prompt);
    watch.ifPresent(it -> requests.add(it.request()));
    long prefillBefore = engine.report().work().prefillNanos();
    List<CompletableFuture<Completion>> futures =
        engine.submit(request(document, prompt.document(), requests));
    List<SpeedRow> speed = List.of();
    if (speedRows > 0) {
      Optional<List<Completion>> timed = timed(futures.subList(0, speedRows));
      long prefill = engine.report().work().prefillNanos() - prefillBefore;
      speed = timed.map(it -> blocks.rows(document.docId(), prompt, it, prefill)).orElse(List.of());
    }
    List<QualityRow> quality = refused(prompt, rows);
    for (int i = 0; i < prompt.asked().size(); i++) {
      int from = speedRows + i * policies.size();
      quality.addAll(
          rowsOf(
              rows,
              prompt.asked().get(i),
              futures.subList(from, from + policies.size()),
              prompt.droppedTokens()));
    }
    return new DocumentResult(
        document.docId(),
        quality,
        speed,
        watch.map(it -> seen(it, futures.get(futures.size() - 1))).orElse(List.of()));
  }

  private static List<QualityRow> refused(TokenizedEvalDocument prompt, AnswerRows rows) {
    List<QualityRow> refused = new ArrayList<>();
    prompt.refused().forEach((question, defect) -> refused.addAll(rows.refused(question, defect)));
    return refused;
  }

  /** Nothing of a document that the engine refused: its error is in the quality rows. */
  static Optional<List<Completion>> timed(List<CompletableFuture<Completion>> futures) {
    try {
      return Optional.of(join(futures));
    } catch (CompletionException failure) {
      if (failure.getCause() instanceof DocumentException) {
        return Optional.empty();
      }
      throw failure;
    }
  }

  private Optional<WatchedQuestion> watch(EvalDocument document, TokenizedEvalDocument prompt) {
    boolean sparse = policies.stream().anyMatch(policy -> !policy.dense());
    return settings.studied().contains(document.docId()) && sparse
        ? Optional.of(
            new WatchedQuestion(
                lease, document, prompt, settings.infer(), greedy(document.prompt().maxTokens())))
        : Optional.empty();
  }

  /** Nothing of a document that the engine refused: its error is in the quality rows. */
  private static List<SelectionRow> seen(
      WatchedQuestion watch, CompletableFuture<Completion> future) {
    try {
      future.join();
      return watch.rows();
    } catch (CompletionException failure) {
      if (failure.getCause() instanceof DocumentException) {
        return List.of();
      }
      throw failure;
    }
  }

  private List<QualityRow> withTails(
      EvalDocument document, TokenizedEvalDocument prompt, AnswerRows rows, int tailCharacters) {
    List<QualityRow> quality = refused(prompt, rows);
    for (int i = 0; i < prompt.asked().size(); i++) {
      TokenizedEvalDocument cut = prompt.withTail(i, tailCharacters, engine.tokenizer());
      List<CompletableFuture<Completion>> futures =
          engine.submit(
              request(
                  document,
                  cut.document(),
                  answers(cut.questions().get(0), false, document.prompt().maxTokens())));
      quality.addAll(rowsOf(rows, cut.asked().get(0), futures, cut.droppedTokens()));
    }
    return quality;
  }

  /**
   * The text is fed token by token through each policy, nothing of it is prefilled densely. A text
   * longer than the length asked for ends there, which drops nothing that was to be scored.
   */
  private List<QualityRow> perplexity(EvalDocument document, AnswerRows rows) {
    int[] tokens = TokenizedEvalDocument.text(document, options.prompt(), engine);
    int[] text = Arrays.copyOf(tokens, Math.min(tokens.length, document.aim().lengthTokens()));
    int[] first = {text[0]};
    int[] rest = Arrays.copyOfRange(text, 1, text.length);
    List<QuestionRequest> requests =
        policies.stream().map(policy -> QuestionRequest.scoring(first, policy, rest)).toList();
    return rowsOf(rows, 0, engine.submit(request(document, new int[0], requests)), 0);
  }

  private DocumentRequest request(
      EvalDocument document, int[] tokens, List<QuestionRequest> requests) {
    return new DocumentRequest(document.docId(), tokens, settings.infer().cachePolicy(), requests);
  }

  private List<QuestionRequest> answers(int[] question, boolean denseQuestion, int maxTokens) {
    SamplingParams greedy = greedy(maxTokens);
    return policies.stream()
        .map(policy -> new QuestionRequest(question, policy, denseQuestion, greedy))
        .toList();
  }

  private SamplingParams greedy(int maxTokens) {
    return SamplingParams.builder(maxTokens)
        .stop(options.sampling().end().stop())
        .stopTokenIds(endTokenIds)
        .build();
  }

  private static List<QualityRow> rowsOf(
      AnswerRows rows, int question, List<CompletableFuture<Completion>> futures, int dropped) {
    try {
      return rows.answered(question, join(futures), dropped);
    } catch (CompletionException failure) {
      if (failure.getCause() instanceof DocumentException refused) {
        return rows.refused(question, new Defect(refused.code(), refused.getMessage()));
      }
      throw failure;
    }
  }

  static List<Completion> join(List<CompletableFuture<Completion>> futures) {
    return futures.stream().map(CompletableFuture::join).toList();
  }
}
