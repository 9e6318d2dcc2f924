package dev.questspark.engine.ops;

/**
 * What one step computes, on the host: rows (tokens) of several sequences back to back, in CSR
 * form.
 *
 * <p>A span is a run of consecutive tokens of one sequence. Rows of span s are {@code [spanRows[s],
 * spanRows[s + 1])}; its page table is {@code pageTable[spanPages[s] .. spanPages[s + 1])}: page id
 * of logical page i of the sequence, long enough for all its tokens up to the span's last row. Row
 * r is token {@code tokens[r]} at {@code positions[r]}; it sees positions 0..positions[r] of its
 * sequence (less under a sliding window). Positions count what a sequence stores: where tokens of a
 * prompt were left out, the next ones take their places.
 *
 * @param tokens token ids, one per row
 * @param positions position in the sequence, one per row
 * @param ropePositions the position by which the row's query and key turn, one per row, ascending
 *     within a sequence: {@code positions}, unless tokens were left out
 * @param spanRows first row of each span, plus the row count at the end; spans + 1 entries
 * @param spanPages first page-table entry of each span, plus the end; spans + 1 entries
 * @param pageTable page ids of all spans, back to back
 * @param logitRows rows whose logits are wanted, ascending
 */
public record RaggedBatch(
    int[] tokens,
    int[] positions,
    int[] ropePositions,
    int[] spanRows,
    int[] spanPages,
    int[] pageTable,
    int[] logitRows) {

  public RaggedBatch {
    int spans = spanRows.length - 1;
    if (tokens.length != positions.length
        || positions.length != ropePositions.length
        || spans < 0
        || spanPages.length != spans + 1
        || spanRows[spans] != tokens.length
        || spanPages[spans] != pageTable.length) {
      throw new IllegalArgumentException(
          "ragged batch: "
              + tokens.length
              + " tokens, "
              + positions.length
              + " positions, "
              + ropePositions.length
              + " rotary positions, "
              + spans
              + " spans, "
              + pageTable.length
              + " page-table entries do not fit together");
    }
  }

  /** A batch of sequences that store all their tokens. */
  public RaggedBatch(
      int[] tokens,
      int[] positions,
      int[] spanRows,
      int[] spanPages,
      int[] pageTable,
      int[] logitRows) {
    this(tokens, positions, positions, spanRows, spanPages, pageTable, logitRows);
  }

  /** The same rows, turning by other positions. */
  public RaggedBatch turning(int[] ropePositions) {
    return new RaggedBatch(
        tokens, positions, ropePositions, spanRows, spanPages, pageTable, logitRows);
  }

  /** Number of rows (tokens) in the step. */
  public int rows() {
    return tokens.length;
  }

  /** Number of spans in the step. */
  public int spans() {
    return spanRows.length - 1;
  }
}
