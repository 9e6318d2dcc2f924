package dev.questspark.job.chunk;

import java.util.List;

/**
 * A part of a text that belongs together; it ends where the next one begins.
 *
 * @param from first character, as Java counts
 * @param headings what it stands under: none before a document's first heading, one in the
 *     document, the chunk's own where a partial answer took its place
 */
public record Section(int from, List<String> headings) {
  public Section {
    headings = List.copyOf(headings);
  }
}
