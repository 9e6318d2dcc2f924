package dev.questspark.engine;

import dev.questspark.engine.model.AttentionGroup;
import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.prefill.Segments;
import dev.questspark.engine.ops.prefix.PrefixPages;
import dev.questspark.engine.ops.prefix.PrefixRows;
import dev.questspark.engine.ops.prefix.PrefixTable;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.PrefillPart;
import dev.questspark.engine.schedule.Span;
import dev.questspark.engine.schedule.SpanKind;
import dev.questspark.engine.schedule.Step;
import dev.questspark.engine.select.PageSelector;
import dev.questspark.engine.select.WatchedPages;
import dev.questspark.engine.select.prefill.PrefillSelector;
import dev.questspark.engine.select.prefill.PrefillWatch;
import dev.questspark.engine.select.prefill.WatchedBlocks;
import dev.questspark.engine.select.prefix.PrefixSelector;
import dev.questspark.engine.select.prefix.WholePrefix;
import dev.questspark.engine.stats.Phase;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.IntFunction;
import java.util.function.LongFunction;

/**
 * Turns a scheduler's step into a {@link StepPlan}: fetches the tokens, sorts the spans so that
 * rows of one phase and one policy are contiguous, and names the rows whose logits are read. Order:
 * document rows by prefill, dense question rows, question rows by policy, decode rows by policy.
 */
final class StepPlanner {
  private final PageShape shape;
  private final PageShape prefixShape;
  private final Map<ReadPolicy, PrefixSelector> prefixSelectors = new HashMap<>();
  private final Map<ReadPolicy, PageSelector> selectors = new HashMap<>();
  private final Map<ReadPolicy, Integer> policyOrder = new LinkedHashMap<>();
  private final Map<PrefillPart, Integer> prefillOrder = new HashMap<>();

  /**
   * @param prefixShape of the pages of prefix stores
   */
  StepPlanner(PageShape shape, PageShape prefixShape) {
    this.shape = shape;
    this.prefixShape = prefixShape;
  }

  /**
   * Part of a span that attends in one way. {@code sequence} is null for document rows, {@code
   * policy} for dense rows.
   */
  private record Piece(
      Phase phase,
      Sequence sequence,
      Sequence.Document document,
      ReadPolicy policy,
      int from,
      int to,
      Span span) {

    int tokenAt(int position) {
      return sequence == null ? document.tokenAt(position) : sequence.tokenAt(position);
    }

    /** How document rows attend; empty for dense ones and for other rows. */
    Optional<PrefillPart> prefill() {
      return phase == Phase.PREFILL ? document.request.cachePolicy().prefill() : Optional.empty();
    }

    /** First tokens of the sequence that are in a prefix store. */
    int prefixTokens() {
      return sequence == null ? 0 : document.prefixTokens();
    }

    /** The store that has them, or -1. */
    int store() {
      return prefixTokens() == 0 ? -1 : document.prefix.orElseThrow().store();
    }

    boolean watched() {
      return sequence == null ? watchedBlocks().isPresent() : sequence.watch.isPresent();
    }

    /** Who sees which blocks its document's rows read. */
    Optional<PrefillWatch> watchedBlocks() {
      return phase == Phase.PREFILL ? document.watch : Optional.empty();
    }

    boolean samples() {
      return span.samples() && to == span.firstPosition() + span.tokens();
    }
  }

  /**
   * Plans a step.
   *
   * @param stores the prefix stores by index
   */
  StepPlan plan(
      Step step,
      LongFunction<Sequence> sequences,
      LongFunction<Sequence.Document> documents,
      IntFunction<PrefixPages> stores) {
    List<Piece> pieces = new ArrayList<>();
    for (Span span : step.spans()) {
      cut(span, sequences, documents, pieces);
    }
    pieces.sort(
        Comparator.comparing(Piece::phase)
            .thenComparing(piece -> piece.prefill().map(this::order).orElse(0))
            .thenComparing(piece -> piece.policy() == null ? 0 : 1)
            .thenComparing(
                piece -> piece.sequence() == null ? 0 : order(piece.sequence().request.policy()))
            .thenComparing(Piece::store));
    return lay(pieces, stores);
  }

  /**
   * A question whose rows attend densely ({@code question_attention=dense}) and that is replayed
   * after a preemption is cut where its generated tokens begin: those were sparse the first time,
   * so they are again.
   */
  private void cut(
      Span span,
      LongFunction<Sequence> sequences,
      LongFunction<Sequence.Document> documents,
      List<Piece> pieces) {
    int from = span.firstPosition();
    int to = from + span.tokens();
    if (span.kind() == SpanKind.PREFILL) {
      pieces.add(
          new Piece(Phase.PREFILL, null, documents.apply(span.sequenceId()), null, from, to, span));
      return;
    }
    Sequence sequence = sequences.apply(span.sequenceId());
    ReadPolicy policy = sequence.request.policy();
    if (span.kind() == SpanKind.DECODE) {
      pieces.add(new Piece(Phase.DECODE, sequence, sequence.document, policy, from, to, span));
      return;
    }
    int denseEnd =
        sequence.request.denseQuestion() ? Math.min(to, sequence.storedPromptTokens()) : from;
    if (denseEnd > from) {
      pieces.add(
          new Piece(Phase.QUESTION, sequence, sequence.document, null, from, denseEnd, span));
    }
    if (denseEnd < to) {
      int sparseFrom = Math.max(from, denseEnd);
      pieces.add(
          new Piece(Phase.QUESTION, sequence, sequence.document, policy, sparseFrom, to, span));
    }
  }

  private StepPlan lay(List<Piece> pieces, IntFunction<PrefixPages> stores) {
    int rowCount = pieces.stream().mapToInt(piece -> piece.to() - piece.from()).sum();
    int[] tokens = new int[rowCount];
    int[] positions = new int[rowCount];
    int[] ropePositions = new int[rowCount];
    int[] spanRows = new int[pieces.size() + 1];
    int[] spanPages = new int[pieces.size() + 1];
    int[] pageTable = new int[pieces.stream().mapToInt(this::pagesOf).sum()];
    List<StepPlan.Group> groups = new ArrayList<>();
    List<Sequence> samples = new ArrayList<>();
    List<Integer> logitRows = new ArrayList<>();
    List<StepPlan.Prefill> prefills = new ArrayList<>();
    List<Sequence> decodes = new ArrayList<>();
    int row = 0;
    int groupStart = 0;
    for (int p = 0; p < pieces.size(); p++) {
      Piece piece = pieces.get(p);
      for (int position = piece.from(); position < piece.to(); position++) {
        tokens[row] = piece.tokenAt(position);
        ropePositions[row] = piece.document().kept.ropePosition(position);
        positions[row++] = position - piece.prefixTokens();
      }
      spanRows[p + 1] = row;
      int pages = pagesOf(piece);
      System.arraycopy(piece.span().pages(), 0, pageTable, spanPages[p], pages);
      spanPages[p + 1] = spanPages[p] + pages;
      if (piece.samples()) {
        samples.add(piece.sequence());
        logitRows.add(row - 1);
      }
      if (piece.phase() == Phase.PREFILL) {
        prefills.add(new StepPlan.Prefill(piece.document(), new RowRange(spanRows[p], row)));
      }
      if (piece.phase() == Phase.DECODE) {
        decodes.add(piece.sequence());
      }
      if (p + 1 == pieces.size() || !sameGroup(piece, pieces.get(p + 1))) {
        RowRange rows = new RowRange(spanRows[groupStart], row);
        AttentionGroup attention =
            piece.prefill().isPresent()
                ? segmented(pieces.subList(groupStart, p + 1), rows, positions)
                : piece.store() >= 0
                    ? prefixed(pieces.subList(groupStart, p + 1), rows, stores)
                    : attention(piece, rows, groupStart, p + 1);
        groups.add(new StepPlan.Group(piece.phase(), owner(piece), attention));
        groupStart = p + 1;
      }
    }
    RaggedBatch batch =
        new RaggedBatch(
            tokens,
            positions,
            ropePositions,
            spanRows,
            spanPages,
            pageTable,
            logitRows.stream().mapToInt(Integer::intValue).toArray());
    return new StepPlan(batch, groups, samples, prefills, decodes, rowCount - decodes.size());
  }

  private AttentionGroup attention(Piece piece, RowRange rows, int fromSpan, int toSpan) {
    return piece.policy() == null
        ? new AttentionGroup.Prefill(rows, fromSpan, toSpan)
        : new AttentionGroup.Selected(rows, selectorOf(piece));
  }

  /** Rows of questions on documents of one prefix store, back to back. */
  private AttentionGroup prefixed(
      List<Piece> pieces, RowRange rows, IntFunction<PrefixPages> stores) {
    Piece first = pieces.get(0);
    List<PrefixTable> tables = new ArrayList<>();
    for (Piece piece : pieces) {
      tables.addAll(Collections.nCopies(piece.to() - piece.from(), piece.document().prefixTable));
    }
    PrefixSelector selector =
        first.policy() == null
            ? new WholePrefix()
            : prefixSelectors.computeIfAbsent(
                first.policy(), policy -> policy.selector(prefixShape).ofPrefix().orElseThrow());
    return new AttentionGroup.Prefixed(
        rows,
        new Dense().selector(shape),
        selector,
        new PrefixRows(stores.apply(first.store()), rows, tables));
  }

  /** Rows of documents with one prefill, back to back. */
  private static AttentionGroup segmented(List<Piece> pieces, RowRange rows, int[] positions) {
    PrefillPart part = pieces.get(0).prefill().orElseThrow();
    int[] spanRows = new int[pieces.size() + 1];
    int[] documentTokens = new int[pieces.size()];
    spanRows[0] = rows.from();
    for (int i = 0; i < documentTokens.length; i++) {
      spanRows[i + 1] = spanRows[i] + pieces.get(i).to() - pieces.get(i).from();
      documentTokens[i] = pieces.get(i).document().kept.tokens();
    }
    Segments segments = Segments.of(part.shape(), positions, spanRows, documentTokens);
    PrefillSelector selector =
        pieces
            .get(0)
            .watchedBlocks()
            .<PrefillSelector>map(watch -> new WatchedBlocks(watch, part.selector()))
            .orElse(part.selector());
    return new AttentionGroup.Segmented(rows, segments, selector, part.skipping());
  }

  /** Dense question rows count for their sequence's policy: their time is part of what it costs. */
  private static ReadPolicy owner(Piece piece) {
    return piece.sequence() == null ? new Dense() : piece.sequence().request.policy();
  }

  private static boolean sameGroup(Piece a, Piece b) {
    return a.phase() == b.phase()
        && Objects.equals(a.policy(), b.policy())
        && a.prefill().equals(b.prefill())
        && a.store() == b.store()
        && (a.sequence() == null
            || a.sequence().request.policy().equals(b.sequence().request.policy()))
        && (a.phase() != Phase.PREFILL && a.sequence() == b.sequence()
            || !a.watched() && !b.watched());
  }

  /** Live pages of a piece's sequence up to its last row. */
  private int pagesOf(Piece piece) {
    return pagesFor(piece.to() - piece.prefixTokens());
  }

  /** Pages that hold {@code tokens} tokens. */
  int pagesFor(int tokens) {
    return (tokens + shape.pageSize() - 1) / shape.pageSize();
  }

  private PageSelector selectorOf(Piece piece) {
    PageSelector selector =
        selectors.computeIfAbsent(piece.policy(), policy -> policy.selector(shape));
    return piece
        .sequence()
        .watch
        .<PageSelector>map(watch -> new WatchedPages(watch, selector))
        .orElse(selector);
  }

  private int order(ReadPolicy policy) {
    return policyOrder.computeIfAbsent(policy, p -> policyOrder.size());
  }

  private int order(PrefillPart part) {
    return prefillOrder.computeIfAbsent(part, p -> prefillOrder.size() + 1);
  }
}
