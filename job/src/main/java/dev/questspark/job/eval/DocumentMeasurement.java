package dev.questspark.job.eval;

import dev.questspark.engine.Completion;
import dev.questspark.engine.DocumentRequest;
import dev.questspark.engine.Engine;
import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.policy.cache.TokenSelection;
import dev.questspark.engine.reader.SharedReading;
import dev.questspark.engine.reader.TokenChoice;
import dev.questspark.engine.stats.EngineReport;
import dev.questspark.job.answer.PolicyColumns;
import dev.questspark.job.eval.QualityMeasurement.Pass;
import dev.questspark.job.eval.rows.QualityRow;
import dev.questspark.job.eval.rows.SelectionRow;
import dev.questspark.job.eval.rows.SpeedRow;
import dev.questspark.job.executor.ExecutorEngine;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiConsumer;

/**
 * Measures every pair of policies on one document. The document is prefilled once under each cache
 * policy: speed batches first, then each question's answers. Where speed is compared under several
 * cache policies, every repetition prefills anew, so that prefills are timed in turn as well.
 *
 * <pre>
 * one cache policy       prefill | all repetitions' batches | answers
 * several                prefill 1 | repetition 0 | answers   prefill 2 | repetition 0 | answers   ...
 *                        prefill 1 | repetition 1             prefill 2 | repetition 1             ...
 * </pre>
 */
final class DocumentMeasurement {
  private final ExecutorEngine.Lease lease;
  private final Engine engine;
  private final EvalSettings settings;
  private final List<ReadPolicy> policies;

  DocumentMeasurement(ExecutorEngine.Lease lease, EvalSettings settings) {
    this.lease = lease;
    this.engine = lease.engine();
    this.settings = settings;
    this.policies = settings.infer().policies();
  }

  /** What one prefill gave. */
  private record Measured(
      List<QualityRow> quality, List<SpeedRow> speed, List<SelectionRow> selection) {}

  /**
   * Measures what is missing.
   *
   * @param write takes each cell's name and content as soon as it is finished
   * @throws ConfigException when the options do not suit the document
   */
  void measure(
      EvalDocument document,
      DocumentCells cells,
      DocumentCells.Missing missing,
      BiConsumer<String, DocumentResult> write) {
    QualityMeasurement asked = asked(document);
    SharedReading shared = sharedReading(missing);
    int repetitions = missing.together() ? settings.protocol().repetitions() : 0;
    List<CachePolicy> cachePolicies = settings.infer().cachePolicies();
    int onFirstPrefill = cachePolicies.size() == 1 ? repetitions : Math.min(repetitions, 1);
    boolean watched = missing.together() && settings.watchesQuestion(document);
    List<SpeedRow> speed = new ArrayList<>();
    List<SelectionRow> selection = new ArrayList<>();
    for (CachePolicy cache : cachePolicies) {
      Measured found =
          measure(
              asked,
              document,
              cache,
              shared,
              missing.asked(cache, policies),
              blocks(cache, 0, onFirstPrefill),
              watched && cache.equals(CachePolicy.NONE) ? asked.watch() : Optional.empty());
      speed.addAll(found.speed());
      selection.addAll(found.selection());
      cells
          .answers()
          .forEach(
              (pair, name) -> {
                if (pair.cache().equals(cache) && missing.pairs().contains(pair)) {
                  write.accept(name, answers(document, pair.columns(), found.quality()));
                }
              });
    }
    for (int repetition = onFirstPrefill; repetition < repetitions; repetition++) {
      for (CachePolicy cache : cachePolicies) {
        Optional<SpeedBlocks> blocks = blocks(cache, repetition, 1);
        speed.addAll(
            measure(asked, document, cache, shared, List.of(), blocks, Optional.empty()).speed());
      }
    }
    for (CachePolicy cache : missing.prefills()) {
      write.accept(cells.prefills().get(cache), watchedPrefill(asked, document, cache));
    }
    if (missing.together()) {
      write.accept(
          cells.together().orElseThrow(),
          DocumentResult.together(document.docId(), speed, selection));
    }
  }

  private DocumentResult watchedPrefill(
      QualityMeasurement asked, EvalDocument document, CachePolicy cache) {
    return DocumentResult.prefill(
        document.docId(),
        asked
            .timed()
            .map(prompt -> WatchedPrefill.rows(lease, document, prompt, asked.choice(), cache))
            .orElse(List.of()));
  }

  private static DocumentResult answers(
      EvalDocument document, PolicyColumns pair, List<QualityRow> rows) {
    return DocumentResult.answers(
        document.docId(), rows.stream().filter(row -> row.policy().equals(pair)).toList());
  }

  private QualityMeasurement asked(EvalDocument document) {
    AnswerRows rows = new AnswerRows(document, engine.model().layers() * engine.model().kvHeads());
    if (document.perplexity()) {
      return new TextMeasurement(engine, settings.infer().options().prompt(), document, rows);
    }
    return document.divergence()
        ? new WindowMeasurement(engine, settings, document, rows)
        : new QuestionMeasurement(lease, settings, document, rows);
  }

  private Optional<SpeedBlocks> blocks(CachePolicy cache, int firstRepetition, int repetitions) {
    return repetitions == 0
        ? Optional.empty()
        : Optional.of(
            new SpeedBlocks(
                policies,
                cache,
                firstRepetition,
                repetitions,
                settings.infer().options().engine().batching().maxNumSeqs(),
                settings.protocol().speedTokens()));
  }

  /**
   * On one prefill, but where a question has a prefix of its own.
   *
   * @param shared what answers that are not timed share
   * @param reads whose answers are wanted, maybe none
   */
  private Measured measure(
      QualityMeasurement asked,
      EvalDocument document,
      CachePolicy cache,
      SharedReading shared,
      List<ReadPolicy> reads,
      Optional<SpeedBlocks> blocks,
      Optional<WatchedQuestion> watch) {
    List<QualityRow> quality = new ArrayList<>(asked.refused(cache, reads));
    List<Pass> passes = reads.isEmpty() ? List.of() : asked.passes(cache, reads);
    Optional<TokenizedEvalDocument> timed = blocks.flatMap(it -> asked.timed());
    if (timed.isEmpty() && watch.isEmpty()) {
      for (Pass pass : passes) {
        quality.addAll(
            pass.rows().apply(engine.submit(request(asked, document, pass, cache, shared))));
      }
      return new Measured(quality, List.of(), List.of());
    }
    TokenizedEvalDocument prompt = asked.timed().orElseThrow();
    List<QuestionRequest> requests = new ArrayList<>();
    timed.ifPresent(
        it ->
            requests.addAll(
                blocks
                    .orElseThrow()
                    .requests(
                        it.questions(), settings.infer().options().selection().denseQuestion())));
    int speedRows = requests.size();
    passes.forEach(pass -> requests.addAll(pass.requests()));
    watch.ifPresent(it -> requests.add(it.request()));
    long prefillBefore = prefillNanos();
    // A batch may ask fewer than all questions, and each prefill keeps what all of them choose.
    List<CompletableFuture<Completion>> futures =
        engine.submit(
            new DocumentRequest(
                document.docId(),
                prompt.document(),
                cache,
                requests,
                asked.choice().withUnasked(prompt.questions())));
    List<CompletableFuture<Completion>> timedFutures = futures.subList(0, speedRows);
    List<SpeedRow> speed = List.of();
    // of a document that the engine refused, the quality rows say why
    if (speedRows > 0 && QualityMeasurement.defect(timedFutures).isEmpty()) {
      long prefill = prefillNanos() - prefillBefore;
      speed =
          blocks
              .orElseThrow()
              .rows(
                  document.docId(),
                  prompt,
                  timedFutures.stream().map(CompletableFuture::join).toList(),
                  prefill);
    }
    int from = speedRows;
    for (Pass pass : passes) {
      int to = from + pass.requests().size();
      quality.addAll(pass.rows().apply(futures.subList(from, to)));
      from = to;
    }
    return new Measured(
        quality,
        speed,
        watch.map(it -> seen(it, futures.get(futures.size() - 1))).orElse(List.of()));
  }

  /** Engine time of prefill, and of reading before it. */
  private long prefillNanos() {
    EngineReport report = engine.report();
    return report.work().prefillNanos() + report.reading().nanos();
  }

  /** Answers alone need no clock of their own, so that one reading serves all that want it. */
  private static DocumentRequest request(
      QualityMeasurement asked,
      EvalDocument document,
      Pass pass,
      CachePolicy cache,
      SharedReading shared) {
    TokenChoice choice = asked.choice();
    int template = Math.min(pass.tokens().length, choice.templateTokens());
    return new DocumentRequest(
        document.docId(),
        pass.tokens(),
        cache,
        pass.requests(),
        new TokenChoice(
            template, List.of(), choice.askingTail(), choice.closing(), Optional.of(shared)));
  }

  /** A reading for all that is missing, with as many layers as the policy that reads with most. */
  private SharedReading sharedReading(DocumentCells.Missing missing) {
    return new SharedReading(
        missing.pairs().stream()
            .map(PolicyPair::cache)
            .flatMap(policy -> engine.resolved(policy).part(TokenSelection.class).stream())
            .toList());
  }

  /** Nothing of a document that the engine refused: its error is in the quality rows. */
  private static List<SelectionRow> seen(
      WatchedQuestion watch, CompletableFuture<Completion> future) {
    return QualityMeasurement.defect(List.of(future)).isPresent() ? List.of() : watch.rows();
  }
}
