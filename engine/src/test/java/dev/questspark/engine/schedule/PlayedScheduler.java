package dev.questspark.engine.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.pages.PagePool;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A scheduler played against a model of the cache that knows which token every slot must hold. It
 * runs each step as an engine would: copies pages, writes each row's token into its slot, reads all
 * slots back that the row sees, samples. Whatever the scheduler gets wrong about sharing, copying,
 * replaying or freeing shows up as a wrong token, a wrong count or a row out of order.
 */
final class PlayedScheduler {
  final Scheduler scheduler;
  final PagePool pool;
  final Map<Long, DocumentWork> live = new LinkedHashMap<>();
  int steps;
  int preemptions;
  int evictions;
  int copies;
  int compressions;
  int decodeRows;

  private final SchedulerLimits limits;
  private final long[][] memory;
  private final List<PagePool> prefixPools = new ArrayList<>();
  private final List<long[]> prefixOwners = new ArrayList<>(); // document of each page, by store
  private final Map<Long, int[]> prefixes =
      new HashMap<>(); // pages of each document that has moved
  private final Map<Long, Played> sequences = new HashMap<>();
  private final List<Long> submitted = new ArrayList<>();
  private final Set<Long> begun = new HashSet<>();
  private int lastBegun = -1;

  /** What is known of a document or question from its spans alone. */
  private static final class Played {
    final DocumentWork document;
    final QuestionWork question;
    int computedTo;
    int sampled;
    int preemptions;
    int cachedTokens = -1;
    boolean askedFirst;

    Played(DocumentWork document, QuestionWork question) {
      this.document = document;
      this.question = question;
      computedTo = question == null ? 0 : document.tokens();
    }

    /** Tokens that the sequence does not find in live pages. */
    int moved() {
      return question == null ? 0 : document.prefix().map(PrefixWork::tokens).orElse(0);
    }

    int promptEnd() {
      return document.tokens() + question.tokens() + sampled;
    }
  }

  PlayedScheduler(SchedulerLimits limits, int pages, int... prefixPages) {
    this.limits = limits;
    pool = new PagePool(pages);
    for (int store : prefixPages) {
      prefixPools.add(new PagePool(store));
      prefixOwners.add(new long[store + 1]);
    }
    scheduler = new Scheduler(limits, pool, prefixPools);
    memory = new long[pages + 1][limits.pageSize()];
  }

  /** Submits and checks the verdict against a count from first principles. */
  boolean submit(DocumentWork work) {
    Submission submission = scheduler.submit(work);
    long most = 0;
    for (QuestionWork question : work.questions()) {
      Set<Integer> privatePages = new HashSet<>();
      int end = work.tokens() + question.tokens() + question.maxTokens() - 1;
      for (int position = work.tokens(); position < end; position++) {
        privatePages.add(position / limits.pageSize());
      }
      most = Math.max(most, privatePages.size());
    }
    long own = (long) Math.ceil(work.tokens() / (double) limits.pageSize());
    own += work.prefix().map(PrefixWork::scratchPages).orElse(0);
    if (own + most > pool.total()) {
      assertThat(submission).isEqualTo(new Submission.Refused(own + most, pool.total()));
      return false;
    }
    if (work.prefix().isPresent()) {
      PrefixWork prefix = work.prefix().get();
      int total = prefixPools.get(prefix.store()).total();
      if (prefix.pages() > total) {
        assertThat(submission).isEqualTo(new Submission.PrefixRefused(prefix.pages(), total));
        return false;
      }
    }
    assertThat(submission).isEqualTo(new Submission.Accepted());
    live.put(work.id(), work);
    submitted.add(work.id());
    sequences.put(work.id(), new Played(work, null));
    for (QuestionWork question : work.questions()) {
      sequences.put(question.id(), new Played(work, question));
    }
    return true;
  }

  void cancel(long documentId) {
    assertThat(scheduler.cancel(documentId)).isTrue();
    forget(live.remove(documentId));
    recount();
  }

  /** Plans a step and does its work; the questions that sampled, in span order. */
  List<Long> next() {
    Step step = scheduler.next().orElseThrow();
    steps++;
    step.compressions().forEach(this::move);
    recount();
    checkLimitsAndOrder(step);
    for (PageCopy copy : step.copies()) {
      assertThat(pool.holders(copy.to())).isEqualTo(1);
      System.arraycopy(memory[copy.from()], 0, memory[copy.to()], 0, limits.pageSize());
      copies++;
    }
    List<Long> sampled = new ArrayList<>();
    step.spans().forEach(this::write);
    for (Span span : step.spans()) {
      readBack(span);
      if (span.samples()) {
        sampled.add(span.sequenceId());
      }
    }
    return sampled;
  }

  /**
   * The live pages of a prefix hold its tokens for the last time; its pages of the store are its.
   */
  private void move(Compression compression) {
    DocumentWork work = live.get(compression.documentId());
    Played document = sequences.get(work.id());
    PrefixWork prefix = work.prefix().orElseThrow();
    assertThat(document.computedTo).isEqualTo(work.tokens());
    assertThat(compression.livePages())
        .hasSize((work.tokens() + limits.pageSize() - 1) / limits.pageSize());
    for (int position = 0; position < work.tokens(); position++) {
      int page = compression.livePages()[position / limits.pageSize()];
      assertThat(memory[page][position % limits.pageSize()])
          .isEqualTo(token(document, work.id(), position));
    }
    assertThat(compression.scratchPages())
        .hasSize(prefix.scratchPages())
        .doesNotHaveDuplicates()
        .doesNotContain(compression.livePages());
    for (int page : compression.scratchPages()) {
      Arrays.fill(memory[page], -1); // whoever has it next finds what was written there
    }
    assertThat(compression.prefixPages()).hasSize(prefix.pages()).doesNotHaveDuplicates();
    for (int page : compression.prefixPages()) {
      prefixOwners.get(prefix.store())[page] = work.id();
    }
    prefixes.put(work.id(), compression.prefixPages());
    compressions++;
  }

  /** Completes the step; documents whose last question ended are gone from {@link #live}. */
  void complete(List<Long> sampled, Set<Long> stopped) {
    Set<Long> full = new HashSet<>();
    for (long id : sampled) {
      Played played = sequences.get(id);
      if (played != null && ++played.sampled == played.question.maxTokens()) {
        full.add(id);
      }
    }
    scheduler.complete(new StepResult(stopped.stream().mapToLong(Long::longValue).toArray()));
    full.addAll(stopped);
    for (long id : full) {
      Played played = sequences.remove(id);
      if (played != null && played.document.questions().stream().noneMatch(this::unfinished)) {
        forget(live.remove(played.document.id()));
      }
    }
    recount();
    assertThat(scheduler.idle()).isEqualTo(live.isEmpty());
  }

  private boolean unfinished(QuestionWork question) {
    return sequences.containsKey(question.id());
  }

  private void forget(DocumentWork work) {
    sequences.remove(work.id());
    work.questions().forEach(question -> sequences.remove(question.id()));
  }

  private void checkLimitsAndOrder(Step step) {
    assertThat(step.spans()).isNotEmpty().hasSizeLessThanOrEqualTo(limits.maxNumSeqs());
    assertThat(scheduler.running()).isLessThanOrEqualTo(limits.maxNumSeqs());
    assertThat(step.rows()).isLessThanOrEqualTo(limits.maxNumBatchedTokens());
    assertThat(step.spans().stream().map(Span::sequenceId)).doesNotHaveDuplicates();
    assertThat(step.spans().stream().map(span -> span.kind() == SpanKind.DECODE ? 0 : 1))
        .isSorted();
    long decoding = step.spans().stream().filter(span -> span.kind() == SpanKind.DECODE).count();
    long due = scheduler.runQueue().running.stream().filter(this::isDecoding).count();
    assertThat(decoding).isEqualTo(Math.min(due, limits.maxNumBatchedTokens()));
    step.spans().forEach(this::checkFirstInFirstOut);
  }

  private boolean isDecoding(QuestionProgress question) {
    Played played = sequences.get(question.id);
    return played.sampled > 0
        && played.preemptions == question.preemptions
        && played.computedTo == played.promptEnd() - 1
        && question.promptRows < question.tokens + question.generated;
  }

  /** Documents get their first rows in the order in which they were submitted. */
  private void checkFirstInFirstOut(Span span) {
    long document = sequences.get(span.sequenceId()).document.id();
    if (begun.add(document)) {
      int place = submitted.indexOf(document);
      assertThat(place).isGreaterThan(lastBegun);
      for (long passedOver : submitted.subList(lastBegun + 1, place)) {
        assertThat(live).doesNotContainKey(passedOver);
      }
      lastBegun = place;
    }
  }

  private void write(Span span) {
    Played played = sequences.get(span.sequenceId());
    boolean prefill = span.kind() == SpanKind.PREFILL;
    int documentTokens = played.document.tokens();
    if (span.preemptions() > played.preemptions) {
      assertThat(limits.overcommit()).isTrue();
      preemptions += prefill ? 0 : span.preemptions() - played.preemptions;
      evictions += prefill ? span.preemptions() - played.preemptions : 0;
      played.preemptions = span.preemptions();
      played.computedTo = prefill ? 0 : documentTokens;
    }
    assertThat(span.firstPosition()).isEqualTo(played.computedTo);
    assertThat(span.tokens()).isPositive();
    assertThat(prefill).isEqualTo(played.question == null);
    played.computedTo += span.tokens();
    if (prefill) {
      assertThat(played.computedTo).isLessThanOrEqualTo(documentTokens);
      if (played.computedTo < documentTokens) {
        assertThat(played.computedTo % played.document.segmentTokens()).isZero();
      }
      assertThat(span.samples()).isFalse();
    } else {
      checkQuestionSpan(span, played);
    }
    int moved = played.moved();
    assertThat(span.pages()).hasSize((played.computedTo - moved - 1) / limits.pageSize() + 1);
    for (int position = span.firstPosition(); position < played.computedTo; position++) {
      int page = span.pages()[(position - moved) / limits.pageSize()];
      assertThat(pool.holders(page)).as("writers of page %s", page).isEqualTo(1);
      memory[page][position % limits.pageSize()] = token(played, span.sequenceId(), position);
    }
  }

  private void checkQuestionSpan(Span span, Played played) {
    assertThat(played.computedTo).isLessThanOrEqualTo(played.promptEnd());
    assertThat(span.samples()).isEqualTo(played.computedTo == played.promptEnd());
    if (span.kind() == SpanKind.DECODE) {
      assertThat(played.sampled).isPositive();
      assertThat(span.tokens()).isEqualTo(1);
      assertThat(span.samples()).isTrue();
      decodeRows++;
    }
    if (played.cachedTokens < 0) {
      Played document = sequences.get(played.document.id());
      played.cachedTokens = document.askedFirst ? played.document.tokens() : 0;
      document.askedFirst = true;
    }
    assertThat(span.cachedTokens()).isEqualTo(played.cachedTokens);
  }

  private void readBack(Span span) {
    Played played = sequences.get(span.sequenceId());
    int moved = played.moved();
    if (moved > 0) {
      PrefixWork prefix = played.document.prefix().orElseThrow();
      for (int page : prefixes.get(played.document.id())) {
        assertThat(prefixOwners.get(prefix.store())[page]).isEqualTo(played.document.id());
      }
    }
    for (int position = moved; position < span.firstPosition() + span.tokens(); position++) {
      int page = span.pages()[(position - moved) / limits.pageSize()];
      long found = memory[page][position % limits.pageSize()];
      if (found != token(played, span.sequenceId(), position)) {
        throw new AssertionError("wrong token at position " + position + " of " + span);
      }
    }
  }

  private static long token(Played played, long sequenceId, int position) {
    long owner = position < played.document.tokens() ? played.document.id() : sequenceId;
    return owner << 32 | (position + 1);
  }

  /** Recounts every page and every promise from the live tables; free pages forget their tokens. */
  private void recount() {
    int[] holders = new int[pool.total() + 1];
    int promised = 0;
    for (DocumentProgress document : scheduler.runQueue().admitted) {
      for (int page : document.pages.snapshot()) {
        holders[page]++;
      }
      promised += document.reserved + document.leaderReserve;
      assertThat(document.reserved + document.pages.pages())
          .isEqualTo(
              document.ownPages()
                  + (document.compressed ? -document.movedPages() : document.scratchPages()));
      if (!limits.overcommit() && document.leader == null) {
        for (QuestionProgress question : document.waiting) {
          assertThat((long) document.leaderReserve)
              .isGreaterThanOrEqualTo(question.largestPrivatePages());
        }
      }
    }
    for (QuestionProgress question : scheduler.runQueue().running) {
      for (int page : question.pages.snapshot()) {
        holders[page]++;
      }
      promised += question.reserved;
      if (!limits.overcommit()) {
        assertThat((long) question.reserved + question.privatePages())
            .isGreaterThanOrEqualTo(question.largestPrivatePages());
      }
    }
    recountPrefixes();
    int used = 0;
    for (int page = 1; page <= pool.total(); page++) {
      assertThat(pool.holders(page)).as("holders of page %s", page).isEqualTo(holders[page]);
      if (holders[page] == 0) {
        Arrays.fill(memory[page], 0);
      } else {
        used++;
      }
    }
    assertThat(scheduler.pagesUsed()).isEqualTo(used);
    assertThat(scheduler.runQueue().promisedPages()).isEqualTo(promised);
    assertThat(used + promised).isLessThanOrEqualTo(pool.total());
  }

  /** The same of the prefix stores: a document holds all its pages there, or is promised them. */
  private void recountPrefixes() {
    for (int store = 0; store < prefixPools.size(); store++) {
      PagePool pages = prefixPools.get(store);
      int[] holders = new int[pages.total() + 1];
      int promised = 0;
      for (DocumentProgress document : scheduler.runQueue().admitted) {
        if (document.prefix != null && document.prefix.store() == store) {
          for (int page : document.prefixPages.snapshot()) {
            holders[page]++;
          }
          promised += document.prefixReserved;
          assertThat(document.prefixReserved)
              .isEqualTo(document.compressed ? 0 : document.prefix.pages());
          assertThat(document.prefixPages.pages() + document.prefixReserved)
              .isEqualTo(document.prefix.pages());
        }
      }
      int used = 0;
      for (int page = 1; page <= pages.total(); page++) {
        assertThat(pages.holders(page)).isEqualTo(holders[page]).isLessThanOrEqualTo(1);
        used += holders[page];
      }
      assertThat(scheduler.prefixPagesUsed(store)).isEqualTo(used);
      assertThat(scheduler.runQueue().promisedPrefixPages(store)).isEqualTo(promised);
      assertThat(used + promised).isLessThanOrEqualTo(pages.total());
    }
  }

  /** Pages that nobody holds, of all stores. */
  int freePrefixPages() {
    return prefixPools.stream().mapToInt(PagePool::free).sum();
  }
}
