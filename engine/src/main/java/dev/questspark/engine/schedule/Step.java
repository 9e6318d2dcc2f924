package dev.questspark.engine.schedule;

import java.util.List;

/**
 * One forward pass: rows of several sequences.
 *
 * @param spans decode rows first (oldest question first), then rows of questions, then rows of
 *     documents and of questions that start; at least one, at most one per sequence
 * @param compressions to be done first
 * @param copies to be done next, before the spans run
 */
public record Step(List<Span> spans, List<Compression> compressions, List<PageCopy> copies) {

  public Step {
    spans = List.copyOf(spans);
    compressions = List.copyOf(compressions);
    copies = List.copyOf(copies);
  }

  /** Rows of all spans. */
  public int rows() {
    int rows = 0;
    for (Span span : spans) {
      rows += span.tokens();
    }
    return rows;
  }
}
