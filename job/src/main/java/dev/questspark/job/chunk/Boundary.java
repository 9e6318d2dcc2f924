package dev.questspark.job.chunk;

import java.text.BreakIterator;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Where a section may be divided, the strongest first; what separates two units ends the first. */
enum Boundary {
  /** One or more blank lines. */
  PARAGRAPH {
    @Override
    List<Integer> starts(String text, int from, int to) {
      List<Integer> starts = new ArrayList<>(List.of(from));
      boolean blankBefore = false;
      for (int line = from; line < to; ) {
        int next = Sections.nextLine(text, line, to);
        boolean blank = text.substring(line, next).isBlank();
        if (blankBefore && !blank) {
          starts.add(line);
        }
        blankBefore = blank && line > from;
        line = next;
      }
      return starts;
    }
  },

  /** A line break. */
  LINE {
    @Override
    List<Integer> starts(String text, int from, int to) {
      List<Integer> starts = new ArrayList<>();
      for (int line = from; line < to; line = Sections.nextLine(text, line, to)) {
        starts.add(line);
      }
      return starts;
    }
  },

  /** The end of a sentence, as Java finds it in any language. */
  SENTENCE {
    @Override
    List<Integer> starts(String text, int from, int to) {
      BreakIterator sentences = BreakIterator.getSentenceInstance(Locale.ROOT);
      sentences.setText(text.substring(from, to));
      List<Integer> starts = new ArrayList<>();
      for (int at = sentences.first(); at < to - from; at = sentences.next()) {
        starts.add(from + at);
      }
      return starts;
    }
  };

  /** First characters of the units of a stretch that is not empty; the first is {@code from}. */
  abstract List<Integer> starts(String text, int from, int to);
}
