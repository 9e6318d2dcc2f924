package dev.questspark.engine;

import dev.questspark.engine.failure.DocumentException;
import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.engine.policy.cache.TokenSelection;
import dev.questspark.engine.policy.cache.tokens.AskingRows;
import dev.questspark.engine.reader.LayerAttention;
import dev.questspark.engine.reader.PromptReader;
import dev.questspark.engine.reader.Readers;
import dev.questspark.engine.reader.SharedReading;
import dev.questspark.engine.schedule.ReadingQueue;
import dev.questspark.engine.schedule.ReadingSpan;
import dev.questspark.engine.schedule.ReadingWork;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongSupplier;
import java.util.stream.Stream;

/**
 * Documents before they are scheduled: those of which only some tokens are prefilled are read here,
 * with the rows that a step has left. All others pass, but none overtakes one that came before it,
 * so that a document which is read is not put off by those that are not. Engine thread only.
 */
final class Readings {
  private final Readers readers;
  private final ReadingQueue queue;
  private final int maxRows;
  private final int maxModelLen;
  private final LongSupplier ids;
  private final EngineTotals totals;
  private final Deque<Waiting> waiting = new ArrayDeque<>();
  private final Map<Long, Waiting> byDocument = new HashMap<>();

  /**
   * @param readers those that documents' policies name
   * @param ids of documents that come of one
   */
  Readings(
      Readers readers,
      EngineConfig config,
      int maxModelLen,
      LongSupplier ids,
      EngineTotals totals) {
    this.readers = readers;
    this.queue = new ReadingQueue(config.readingDocuments());
    this.maxRows = config.maxNumBatchedTokens();
    this.maxModelLen = maxModelLen;
    this.ids = ids;
    this.totals = totals;
  }

  /** An arrival, and what has been chosen for each of its different questions. */
  private static final class Waiting {
    final EngineLoop.Arrival arrival;

    /** What is read before the questions: the request's tokens, but for a tail that asks. */
    final int[] text;

    /** Of each question the rows that ask. */
    final List<int[]> questions;

    final BitSet[] kept;

    /** Numbers of the questions that are read here, and with how many layers. */
    final List<Integer> read = new ArrayList<>();

    int layers;

    /** What the reader has drafted after the question that is being read. */
    int[] draft = new int[0];

    boolean ready;

    /** One that passes as it is. */
    static Waiting ready(EngineLoop.Arrival arrival) {
      Waiting passes = new Waiting(arrival, arrival.document().request.tokens(), List.of());
      passes.ready = true;
      return passes;
    }

    /** One whose tokens are chosen. */
    static Waiting toChoose(EngineLoop.Arrival arrival) {
      DocumentRequest request = arrival.document().request;
      int[] tokens = request.tokens();
      if (request.choice().askingTail() == 0) {
        return new Waiting(arrival, tokens, different(arrival));
      }
      int end = tokens.length - request.choice().askingTail();
      return new Waiting(
          arrival,
          Arrays.copyOf(tokens, end),
          List.of(Arrays.copyOfRange(tokens, end, tokens.length)));
    }

    private Waiting(EngineLoop.Arrival arrival, int[] text, List<int[]> questions) {
      this.arrival = arrival;
      this.text = text;
      this.questions = questions;
      this.kept = new BitSet[questions.size()];
    }

    /** The rows of each question once, asked or not, however many policies ask it. */
    private static List<int[]> different(EngineLoop.Arrival arrival) {
      List<int[]> different = new ArrayList<>();
      Stream.concat(
              arrival.sequences().stream().map(sequence -> sequence.request.tokens()),
              arrival.document().request.choice().unasked().stream())
          .map(tokens -> asking(arrival.document(), tokens))
          .filter(rows -> different.stream().noneMatch(known -> Arrays.equals(known, rows)))
          .forEach(different::add);
      return different;
    }

    /** The rows of a question that ask: all of them where nothing else is left. */
    private static int[] asking(Sequence.Document document, int[] question) {
      int[] closing = document.request.choice().closing();
      if (document.selection.orElseThrow().rows() == AskingRows.SUFFIX) {
        return question;
      }
      int end = question.length;
      int left = closing.length;
      while (left > 0 && end > 0 && question[end - 1] == closing[left - 1]) {
        end--;
        left--;
      }
      return end == 0 ? question : Arrays.copyOf(question, end);
    }

    int questionOf(Sequence sequence) {
      if (arrival.document().request.choice().askingTail() > 0) {
        return 0;
      }
      int[] rows = asking(arrival.document(), sequence.request.tokens());
      for (int i = 0; i < questions.size(); i++) {
        if (Arrays.equals(questions.get(i), rows)) {
          return i;
        }
      }
      throw new IllegalStateException("a sequence whose question was not read");
    }

    /** Chooses for a question by what a reading has shown. */
    void choose(int question, LayerAttention shown) {
      Sequence.Document document = arrival.document();
      TokenSelection selection = document.selection.orElseThrow();
      float[] attention =
          Arrays.copyOf(
              shown.most(selection.layers(), document.request.choice().templateTokens()),
              document.request.documentTokens());
      kept[question] = selection.kept(attention, seed(document));
    }

    /** Tokens that have to be read for all its questions, by whomever. */
    int tokensToRead() {
      int drafted = arrival.document().selection.orElseThrow().lookahead();
      return text.length + questions.stream().mapToInt(rows -> rows.length + drafted).sum();
    }
  }

  /** Takes an arrival with sequences. */
  void add(EngineLoop.Arrival arrival) {
    Sequence.Document document = arrival.document();
    int tokens = document.request.documentTokens();
    if (document.selection.filter(it -> !it.keepsAll(tokens)).isEmpty()
        || document.request.choice().askingTail() >= tokens) {
      waiting.add(Waiting.ready(arrival));
      return;
    }
    Waiting added = Waiting.toChoose(arrival);
    TokenSelection selection = document.selection.orElseThrow();
    if (selection.layers() == 0) {
      BitSet kept = selection.kept(new float[tokens], seed(document));
      Arrays.fill(added.kept, kept);
      added.ready = true;
    } else {
      addToRead(added, selection);
    }
    waiting.add(added);
  }

  /** Queues what no earlier request has read. */
  private void addToRead(Waiting added, TokenSelection selection) {
    Sequence.Document document = added.arrival.document();
    Optional<SharedReading> shared = document.request.choice().reading();
    document.reading.tokens = added.tokensToRead();
    added.layers =
        Math.min(
            readers.get(selection.reader()).layers(),
            Math.max(
                selection.layers(), shared.map(it -> it.layers(selection.reader())).orElse(0)));
    for (int i = 0; i < added.questions.size(); i++) {
      int[] question = added.questions.get(i);
      Optional<LayerAttention> known =
          shared.flatMap(it -> it.find(added.text, question, selection));
      if (known.isPresent()) {
        added.choose(i, known.get());
      } else {
        added.read.add(i);
      }
    }
    added.ready = added.read.isEmpty();
    if (!added.ready) {
      byDocument.put(document.id, added);
      queue.add(
          new ReadingWork(
              document.id,
              added.text.length,
              added.read.stream().map(question -> added.questions.get(question).length).toList(),
              selection.lookahead()));
    }
  }

  private static long seed(Sequence.Document document) {
    return Arrays.hashCode(document.request.tokens());
  }

  /** Forgets a document that is not scheduled yet, if all its sequences have been cancelled. */
  void dropIfAbandoned(Sequence.Document document) {
    boolean dropped =
        waiting.removeIf(
            found ->
                found.arrival.document() == document
                    && found.arrival.sequences().stream().allMatch(s -> s.future.isDone()));
    if (dropped) {
      byDocument.remove(document.id);
      queue.cancel(document.id);
    }
  }

  /** Arrivals that nobody has scheduled yet. */
  List<EngineLoop.Arrival> unscheduled() {
    return waiting.stream().map(left -> left.arrival).toList();
  }

  /** Documents that can be scheduled now, in the order of their arrival. */
  List<EngineLoop.Arrival> ready() {
    List<EngineLoop.Arrival> ready = new ArrayList<>();
    while (!waiting.isEmpty() && waiting.peekFirst().ready) {
      for (EngineLoop.Arrival arrival : chosen(waiting.removeFirst())) {
        List<Sequence> fitting =
            arrival.sequences().stream().filter(sequence -> !failsAsTooLong(sequence)).toList();
        ready.add(new EngineLoop.Arrival(arrival.document(), fitting));
      }
    }
    return ready;
  }

  /** Where positions are counted anew, only what is kept must leave room for the answer. */
  private boolean failsAsTooLong(Sequence sequence) {
    int answer = sequence.request.sampling().maxTokens();
    int total = sequence.storedPromptTokens() + answer;
    if (total <= maxModelLen) {
      return false;
    }
    sequence.future.completeExceptionally(
        new DocumentException(
            ErrorCode.TOO_LONG,
            sequence.document.kept.tokens()
                + " tokens kept of the document + question "
                + sequence.request.tokens().length
                + " + max_tokens "
                + answer
                + " = "
                + total
                + " tokens, but max_model_len is "
                + maxModelLen));
    return true;
  }

  /** Whether nothing is to be read. */
  boolean idle() {
    return queue.idle();
  }

  /**
   * Reads as many rows as a step may have.
   *
   * @param taken rows that the scheduler's step had
   * @return how many it read
   */
  int step(int taken) {
    int read = 0;
    for (ReadingSpan span : queue.next(maxRows - taken)) {
      long start = System.nanoTime();
      Waiting of = byDocument.get(span.id());
      Sequence.Document document = of.arrival.document();
      TokenSelection selection = document.selection.orElseThrow();
      PromptReader reader = readers.get(selection.reader());
      PromptReader.Passage passage = passage(of, span);
      if (span.drafts()) {
        of.draft = Arrays.copyOf(of.draft, of.draft.length + 1);
        of.draft[of.draft.length - 1] = reader.draft(passage);
      } else {
        reader.read(passage);
      }
      if (span.endsQuestion()) {
        int question = of.read.get(span.question());
        int[] rows = of.questions.get(question);
        LayerAttention shown = reader.attention(passage, rows.length + of.draft.length);
        document
            .request
            .choice()
            .reading()
            .ifPresent(it -> it.put(of.text, rows, selection, shown));
        of.choose(question, shown);
        of.draft = new int[0];
      }
      if (span.endsDocument()) {
        of.ready = true;
        byDocument.remove(span.id());
      }
      long end = System.nanoTime();
      document.reading.add(start, end);
      totals.read(span.tokens(), end - start, span.endsDocument());
      read += span.tokens();
    }
    return read;
  }

  private static PromptReader.Passage passage(Waiting of, ReadingSpan span) {
    int[] document = of.text;
    int[] question = of.questions.get(of.read.get(span.question()));
    int[] tokens = new int[span.tokens()];
    for (int i = 0; i < tokens.length; i++) {
      int position = span.firstPosition() + i;
      int behind = position - document.length;
      if (behind < 0) {
        tokens[i] = document[position];
      } else {
        tokens[i] =
            behind < question.length ? question[behind] : of.draft[behind - question.length];
      }
    }
    return new PromptReader.Passage(
        span.place(), of.layers, tokens, span.firstPosition(), document.length);
  }

  /** The arrival with what was chosen: for all its questions together, or one for each. */
  private List<EngineLoop.Arrival> chosen(Waiting chosen) {
    EngineLoop.Arrival arrival = chosen.arrival;
    if (chosen.kept.length == 0) {
      return List.of(arrival);
    }
    if (arrival.document().selection.orElseThrow().union()) {
      BitSet union = new BitSet();
      Arrays.stream(chosen.kept).forEach(union::or);
      arrival.document().keep(union);
      return List.of(arrival);
    }
    Map<Integer, List<Sequence>> byQuestion = new LinkedHashMap<>();
    for (Sequence sequence : arrival.sequences()) {
      byQuestion
          .computeIfAbsent(chosen.questionOf(sequence), question -> new ArrayList<>())
          .add(sequence);
    }
    List<EngineLoop.Arrival> arrivals = new ArrayList<>();
    byQuestion.forEach(
        (question, sequences) -> {
          Sequence.Document own = arrival.document().sibling(ids.getAsLong());
          own.keep(chosen.kept[question]);
          sequences.forEach(sequence -> sequence.document = own);
          arrivals.add(new EngineLoop.Arrival(own, sequences));
        });
    return arrivals;
  }
}
