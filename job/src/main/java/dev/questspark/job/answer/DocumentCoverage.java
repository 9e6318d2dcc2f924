package dev.questspark.job.answer;

import dev.questspark.job.chunk.Chunk;
import java.util.ArrayList;
import java.util.List;

/**
 * How much of a document an answer row has read, and in which parts.
 *
 * @param numChunks chunks that map_reduce made of the document; 1 for a document read whole
 * @param droppedTokens document tokens that truncate_middle left out
 * @param reduceLevels times that map_reduce asked over partial answers before the last; 0 for a
 *     document read whole
 * @param sources the chunks; none for a document read whole
 */
public record DocumentCoverage(
    int numChunks, int droppedTokens, int reduceLevels, List<Source> sources) {

  /**
   * A chunk of the document and what was answered from it.
   *
   * @param startCharIndex its first character, in Unicode code points from 0, as SQL's substring
   *     counts them from 1
   * @param endCharIndex one after its last
   * @param tokens its tokens, prompt template aside
   * @param headings of the sections that it has part of, in order
   * @param outputText the partial answer; null when there was none
   */
  public record Source(
      int startCharIndex, int endCharIndex, int tokens, List<String> headings, String outputText) {

    /** The chunks of a document as nothing has been answered yet. */
    public static List<Source> of(String text, List<Chunk> chunks) {
      List<Source> sources = new ArrayList<>();
      int counted = 0;
      int start = 0;
      for (Chunk chunk : chunks) {
        start += text.codePointCount(counted, chunk.from());
        counted = chunk.from();
        int end = start + text.codePointCount(chunk.from(), chunk.to());
        sources.add(new Source(start, end, chunk.tokens().length, chunk.headings(), null));
      }
      return sources;
    }

    public Source answered(String text) {
      return new Source(startCharIndex, endCharIndex, tokens, headings, text);
    }
  }

  /** A document read from beginning to end, but for what was left out of its middle. */
  public static DocumentCoverage without(int droppedTokens) {
    return new DocumentCoverage(1, droppedTokens, 0, List.of());
  }
}
