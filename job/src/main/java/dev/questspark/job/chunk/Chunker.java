package dev.questspark.job.chunk;

import dev.questspark.engine.failure.DocumentException;
import dev.questspark.engine.failure.ErrorCode;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * Cuts a text that is too long into chunks that together have every character of it.
 *
 * <p>A section that fits is never divided; neighbours share a chunk as long as it has room. A
 * longer section has chunks of its own: they are filled with its paragraphs, a paragraph that does
 * not fit with its lines, those with their sentences, those between words, and a word between
 * characters. Only the chunks of such a section overlap.
 *
 * <p>What fits is counted on the very text, so a chunk never has more tokens than allowed. Each
 * text is tokenised a small number of times, regardless of its length.
 */
public final class Chunker {
  private static final Boundary[] BOUNDARIES = Boundary.values();

  private final String text;
  private final List<Section> sections;
  private final Function<String, int[]> tokenizer;
  private final int chunkTokens;
  private final int overlapTokens;
  private final List<Chunk> chunks = new ArrayList<>();

  /** A stretch of the text that stays together. */
  private record Piece(int from, int to, int[] ids) {
    int tokens() {
      return ids.length;
    }
  }

  private Chunker(
      String text,
      List<Section> sections,
      Function<String, int[]> tokenizer,
      int chunkTokens,
      int overlapTokens) {
    this.text = text;
    this.sections = sections;
    this.tokenizer = tokenizer;
    this.chunkTokens = chunkTokens;
    this.overlapTokens = overlapTokens;
  }

  /**
   * The chunks in order.
   *
   * @param text not empty
   * @param sections of the text, the first from its first character
   * @param tokenizer ids of any part of the text
   * @param chunkTokens most tokens of a chunk
   * @param overlapTokens most tokens that neighbours of one section share; fewer than {@code
   *     chunkTokens}
   * @throws DocumentException TOO_LONG when a single character has more tokens than a chunk may
   */
  public static List<Chunk> chunks(
      String text,
      List<Section> sections,
      Function<String, int[]> tokenizer,
      int chunkTokens,
      int overlapTokens) {
    return new Chunker(text, sections, tokenizer, chunkTokens, overlapTokens).chunks();
  }

  private List<Chunk> chunks() {
    List<Piece> whole = new ArrayList<>();
    for (int i = 0; i < sections.size(); i++) {
      Piece section = piece(sections.get(i).from(), endOfSection(i));
      if (section.tokens() <= chunkTokens) {
        whole.add(section);
      } else {
        pack(whole, 0);
        whole.clear();
        List<Piece> pieces = new ArrayList<>();
        divide(section, 0, chunkTokens - overlapTokens, pieces);
        pack(pieces, overlapTokens);
      }
    }
    pack(whole, 0);
    return chunks;
  }

  private int endOfSection(int number) {
    return number + 1 < sections.size() ? sections.get(number + 1).from() : text.length();
  }

  private int[] encode(int from, int to) {
    return tokenizer.apply(text.substring(from, to));
  }

  private Piece piece(int from, int to) {
    return new Piece(from, to, encode(from, to));
  }

  /** The largest units of a stretch that fit, in order. */
  private void divide(Piece stretch, int boundary, int limit, List<Piece> into) {
    if (boundary == BOUNDARIES.length) {
      divideAnywhere(stretch, limit, into);
      return;
    }
    List<Integer> starts = BOUNDARIES[boundary].starts(text, stretch.from, stretch.to);
    for (int i = 0; i < starts.size(); i++) {
      int to = i + 1 < starts.size() ? starts.get(i + 1) : stretch.to;
      Piece unit = starts.size() == 1 ? stretch : piece(starts.get(i), to);
      if (unit.tokens() <= limit) {
        into.add(unit);
      } else {
        divide(unit, boundary + 1, limit, into);
      }
    }
  }

  /** Between words, a long word between characters; one character is a piece, fit or not. */
  private void divideAnywhere(Piece stretch, int limit, List<Piece> into) {
    double charactersPerToken = (double) (stretch.to - stretch.from) / stretch.tokens();
    for (int from = stretch.from; from < stretch.to; ) {
      Piece most = longest(from, stretch.to, limit, charactersPerToken);
      charactersPerToken = (double) (most.to - from) / Math.max(1, most.tokens());
      int word = most.to == stretch.to ? most.to : lastWordEnd(from, most.to);
      Piece words = word == most.to ? most : piece(from, word);
      Piece next = words.tokens() <= limit ? words : most;
      into.add(next);
      from = next.to;
    }
  }

  /** Tries lengths until one fits and is nearly full, or the next character would be too much. */
  private Piece longest(int from, int to, int limit, double charactersPerToken) {
    Piece fits = new Piece(from, from, new int[0]);
    int tooFar = to + 1;
    double length = charactersPerToken * (limit - limit / 32.0);
    while (true) {
      int end = (int) Math.min(to, from + length);
      if (end <= fits.to || end >= tooFar) {
        end = fits.to + (tooFar - fits.to) / 2;
      }
      if (end < to && Character.isLowSurrogate(text.charAt(end))) {
        end = end - 1 > fits.to ? end - 1 : end + 1;
      }
      if (end <= fits.to || end >= tooFar) {
        return fits.to > from ? fits : piece(from, tooFar);
      }
      Piece tried = piece(from, end);
      if (tried.tokens() > limit) {
        tooFar = end;
      } else {
        fits = tried;
        if (end == to || tried.tokens() > limit - limit / 16) {
          return fits;
        }
      }
      length = (end - from) * (limit - limit / 32.0) / Math.max(1, tried.tokens());
    }
  }

  /** After the last white space of the second half, else the end. */
  private int lastWordEnd(int from, int to) {
    for (int at = to; at > from + (to - from) / 2; at--) {
      if (Character.isWhitespace(text.charAt(at - 1))) {
        return at;
      }
    }
    return to;
  }

  /** Fills chunks with neighbouring pieces, each after the first with the end of the one before. */
  private void pack(List<Piece> pieces, int overlap) {
    for (int first = 0; first < pieces.size(); ) {
      int from = pieces.get(first).from;
      if (overlap > 0 && first > 0) {
        from = overlapFrom(chunks.get(chunks.size() - 1), overlap);
      }
      int[] tokens = pieces.get(first).ids;
      if (from < pieces.get(first).from) {
        int[] longer = encode(from, pieces.get(first).to);
        if (longer.length > chunkTokens) {
          from = pieces.get(first).from; // the seam takes more than it joins
        } else {
          tokens = longer;
        }
      }
      if (tokens.length > chunkTokens) {
        throw new DocumentException(
            ErrorCode.TOO_LONG,
            "one character has "
                + tokens.length
                + " tokens and a chunk of map_reduce has room for "
                + chunkTokens
                + "; raise --chunk-tokens or --max-model-len");
      }
      int last = first;
      for (int more = mostAfter(pieces, last, tokens.length); more > last; ) {
        int[] longer = encode(from, pieces.get(more).to);
        if (longer.length > chunkTokens) {
          more--; // tokens of the pieces apart are no upper bound, though nearly one
        } else {
          last = more;
          tokens = longer;
          more = mostAfter(pieces, last, tokens.length);
        }
      }
      int to = pieces.get(last).to;
      chunks.add(new Chunk(from, to, headings(from, to), tokens));
      first = last + 1;
    }
  }

  /** The last piece up to which all have room, going by their own tokens. */
  private int mostAfter(List<Piece> pieces, int last, int tokens) {
    int most = last;
    int sum = tokens;
    while (most + 1 < pieces.size() && sum + pieces.get(most + 1).tokens() <= chunkTokens) {
      most++;
      sum += pieces.get(most).tokens();
    }
    return most;
  }

  /** Where the end of a chunk begins that the next one repeats; its end when there is no room. */
  private int overlapFrom(Chunk before, int overlap) {
    List<Piece> pieces = new ArrayList<>();
    divide(new Piece(before.from(), before.to(), before.tokens()), 0, overlap, pieces);
    int first = pieces.size();
    for (int sum = 0; first > 0 && sum + pieces.get(first - 1).tokens() <= overlap; ) {
      first--;
      sum += pieces.get(first).tokens();
    }
    while (first < pieces.size() && encode(pieces.get(first).from, before.to()).length > overlap) {
      first++;
    }
    return first < pieces.size() ? pieces.get(first).from : before.to();
  }

  private List<String> headings(int from, int to) {
    int low = 0;
    for (int high = sections.size(); low + 1 < high; ) {
      int middle = (low + high) / 2;
      if (sections.get(middle).from() <= from) {
        low = middle;
      } else {
        high = middle;
      }
    }
    List<String> headings = new ArrayList<>();
    for (int i = low; i < sections.size() && sections.get(i).from() < to; i++) {
      for (String heading : sections.get(i).headings()) {
        if (headings.isEmpty() || !headings.get(headings.size() - 1).equals(heading)) {
          headings.add(heading);
        }
      }
    }
    return headings;
  }
}
