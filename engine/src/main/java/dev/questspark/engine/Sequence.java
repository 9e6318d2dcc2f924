package dev.questspark.engine;

import dev.questspark.engine.ops.prefix.PrefixTable;
import dev.questspark.engine.policy.cache.PrefillPart;
import dev.questspark.engine.policy.cache.TokenSelection;
import dev.questspark.engine.prefix.PrefixPlan;
import dev.questspark.engine.reader.KeptTokens;
import dev.questspark.engine.select.AttentionWatch;
import dev.questspark.engine.select.prefill.PrefillWatch;
import dev.questspark.engine.tokens.StopChecker;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * One question in flight: its prompt, what it has generated, its clocks and counters. Engine thread
 * only.
 */
final class Sequence {
  final long id;
  final QuestionRequest request;
  final Optional<AttentionWatch> watch;
  final CompletableFuture<Completion> future = new CompletableFuture<>();
  final StopChecker stop;
  final KvReadCounter reads = new KvReadCounter();
  private int[] generated = new int[16];
  private int generatedCount;
  int cachedTokens;
  int preemptions;
  private long firstTokenNanos;
  private long lastTokenNanos;
  private final double[] logProbs;
  private FinishReason reason;

  /** Another one, of the same request, once a selection of its own has been made for it. */
  Document document;

  Sequence(
      long id,
      Document document,
      QuestionRequest request,
      Optional<AttentionWatch> watch,
      StopChecker stop) {
    this.id = id;
    this.watch = watch;
    this.document = document;
    this.request = request;
    this.stop = stop;
    this.logProbs = new double[request.forced().length];
  }

  /**
   * The token at a position of the sequence as it is stored: what is kept of the document, then
   * question, then generated tokens.
   */
  int tokenAt(int position) {
    int stored = document.kept.tokens();
    if (position < stored) {
      return document.tokenAt(position);
    }
    int[] question = request.tokens();
    int inQuestion = position - stored;
    return inQuestion < question.length
        ? question[inQuestion]
        : generated[inQuestion - question.length];
  }

  /** Tokens of the whole prompt, kept or not. */
  int promptTokens() {
    return document.request.tokens().length + request.tokens().length;
  }

  /** Tokens of the prompt that are stored. */
  int storedPromptTokens() {
    return document.kept.tokens() + request.tokens().length;
  }

  int generatedTokens() {
    return generatedCount;
  }

  /** Ids in prompt and output so far, for the repetition penalty; empty when that is off. */
  BitSet seen() {
    BitSet seen = new BitSet();
    if (request.sampling().repetitionPenalty() != 1) {
      Arrays.stream(document.request.tokens()).forEach(seen::set);
      for (int i = 0; i < request.tokens().length + generatedCount; i++) {
        seen.set(tokenAt(document.kept.tokens() + i));
      }
    }
    return seen;
  }

  /** Whether the answer is given and only scored. */
  boolean forced() {
    return request.forced().length > 0;
  }

  /** The next token of a forced answer, its log-probability noted and its logits shown. */
  int force(float[] logits) {
    int token = request.forced()[generatedCount];
    double normaliser = LogProb.normaliser(logits);
    logProbs[generatedCount] = logits[token] - normaliser;
    request.logits().row(generatedCount, logits, normaliser);
    return token;
  }

  /** Tokens whose keys and values are in the cache when the sequence ends. */
  int contextTokens() {
    return storedPromptTokens() + Math.max(0, generatedCount - 1);
  }

  /**
   * Takes a sampled token, which may end the sequence.
   *
   * @param sampledNanos when its step had sampled; the same for all rows of the step
   * @return whether it did, by a stop or by its length
   */
  boolean accept(int token, long sampledNanos) {
    if (firstTokenNanos == 0) {
      firstTokenNanos = sampledNanos;
    }
    lastTokenNanos = sampledNanos;
    if (generatedCount == generated.length) {
      generated = Arrays.copyOf(generated, 2 * generatedCount);
    }
    generated[generatedCount++] = token;
    if (stop.accept(token)) {
      reason = FinishReason.STOP;
    } else if (generatedCount == request.sampling().maxTokens()) {
      stop.finish();
      reason = FinishReason.LENGTH;
    }
    return reason != null;
  }

  /**
   * The sequence's answer, at the time of its last token.
   *
   * @param storedBytes of the document
   */
  Completion completion(int pagesTotal, long storedBytes) {
    long submitted = document.submittedNanos;
    return new Completion(
        stop.tokens(),
        stop.text(),
        reason,
        new Completion.Usage(
            promptTokens(),
            stop.tokens().size(),
            cachedTokens,
            document.reading.tokens,
            storedPromptTokens(),
            cachedTokens > 0 ? request.tokens().length : storedPromptTokens(),
            document.union()),
        new Completion.Timings(
            document.firstStepNanos - submitted - document.reading.nanos(),
            document.reading.nanos(),
            firstTokenNanos - document.firstStepNanos,
            firstTokenNanos - submitted,
            lastTokenNanos - firstTokenNanos,
            lastTokenNanos - submitted,
            preemptions),
        reads.total(pagesTotal),
        document.prefill.plus(new Completion.Prefill(0, 0, storedBytes)),
        Arrays.stream(logProbs).boxed().toList());
  }

  /** One document in flight, with the clocks its questions share. */
  static final class Document {
    final long id;
    final DocumentRequest request;

    /** What chooses the tokens that are prefilled; empty where all are. */
    final Optional<TokenSelection> selection;

    final long submittedNanos;
    final Reading reading;
    final Optional<PrefillWatch> watch;
    KeptTokens kept;
    long firstStepNanos;

    /** What moves to a prefix store once it is prefilled, if anything does. */
    Optional<PrefixPlan> prefix = Optional.empty();

    /** Where it lies there, from when it has moved. */
    PrefixTable prefixTable;

    /** What its rows have computed since they last began. */
    Completion.Prefill prefill = Completion.Prefill.NONE;

    Document(
        long id,
        DocumentRequest request,
        Optional<TokenSelection> selection,
        long submittedNanos,
        Optional<PrefillWatch> watch) {
      this(id, request, selection, submittedNanos, watch, new Reading());
    }

    /** A document that is prefilled whole. */
    Document(long id, DocumentRequest request, long submittedNanos) {
      this(id, request, Optional.empty(), submittedNanos, Optional.empty());
    }

    private Document(
        long id,
        DocumentRequest request,
        Optional<TokenSelection> selection,
        long submittedNanos,
        Optional<PrefillWatch> watch,
        Reading reading) {
      this.id = id;
      this.request = request;
      this.selection = selection;
      this.submittedNanos = submittedNanos;
      this.watch = watch;
      this.reading = reading;
      this.kept = KeptTokens.all(request.tokens().length);
    }

    /** The same request read once, of which other tokens are kept. */
    Document sibling(long siblingId) {
      return new Document(siblingId, request, selection, submittedNanos, watch, reading);
    }

    /** First tokens that are in a prefix store when questions are asked. */
    int prefixTokens() {
      return prefix.map(PrefixPlan::tokens).orElse(0);
    }

    /** Slots of its prefix over all layers and KV heads. */
    long prefixSlots() {
      return prefix.isPresent() ? prefixTable.totalSlots() : 0;
    }

    /** The token that is stored at a position. */
    int tokenAt(int position) {
      return request.tokens()[kept.indexAt(position)];
    }

    /** Tokens that share a block list; 1 where the document is prefilled densely. */
    int segmentTokens() {
      return request.cachePolicy().prefill().map(PrefillPart::segment).orElse(1);
    }

    /** What its questions keep together. */
    Completion.Union union() {
      return selection.filter(TokenSelection::union).isPresent()
          ? new Completion.Union(
              kept.tokens() - request.choice().templateTokens(), request.documentTokens())
          : Completion.Union.NONE;
    }

    void keep(BitSet documentTokens) {
      kept =
          KeptTokens.of(
              request.tokens().length,
              request.choice().templateTokens(),
              documentTokens,
              selection.orElseThrow().positions());
    }
  }

  /**
   * What choosing a document's tokens took: rows, and a clock from the first of them to the last.
   * Where an earlier request has read them, its rows count and the clock stands.
   */
  static final class Reading {
    int tokens;
    private long firstNanos;
    private long lastNanos;

    void add(long fromNanos, long toNanos) {
      firstNanos = firstNanos == 0 ? fromNanos : firstNanos;
      lastNanos = toNanos;
    }

    long nanos() {
      return lastNanos - firstNanos;
    }
  }
}
