package dev.questspark.engine.tokens;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Tells what a model thinks from what it answers. A model writes its thinking first, between two
 * marks, or its chat template has opened it already at the prompt's end. Which marks a model uses
 * is found in its tokenizer and its chat template: a pair counts when the mark that ends it is a
 * token of its own, or stands in the template.
 */
public final class ReasoningMarks {
  /**
   * @param begin opens thinking
   * @param end closes it; the answer follows
   */
  private record Pair(String begin, String end) {}

  /** Families that write them are named in the comments; others write the first pair. */
  private static final List<Pair> KNOWN =
      List.of(
          new Pair("<think>", "</think>"),
          new Pair("[THINK]", "[/THINK]"), // Magistral
          new Pair("<seed:think>", "</seed:think>"), // Seed-OSS
          new Pair("<thought>", "</thought>"), // EXAONE Deep
          new Pair("<|inner_prefix|>", "<|inner_suffix|>"), // Apertus
          new Pair("<|START_THINKING|>", "<|END_THINKING|>"), // Command A Reasoning
          new Pair("◁think▷", "◁/think▷"), // Kimi
          new Pair("<|begin_of_thought|>", "<|end_of_thought|>"), // OpenThinker, Sky-T1
          new Pair("Here is my thought process:", "Here is my response:")); // Granite 3.2

  /** What some families put around the answer, behind their thinking. */
  private static final List<Pair> AROUND_ANSWERS =
      List.of(
          new Pair("<answer>", "</answer>"), // Hunyuan
          new Pair("<response>", "</response>"), // Granite 3.3, ERNIE 4.5
          new Pair("<|begin_of_solution|>", "<|end_of_solution|>")); // OpenThinker, Sky-T1

  /**
   * A pair as a tokenizer has it; a mark of several tokens is found in the text alone.
   *
   * @param opened whether the prompt ends inside it
   */
  private record Marks(Pair pair, OptionalInt beginId, OptionalInt endId, boolean opened) {}

  /**
   * A generated text, taken apart.
   *
   * @param reasoning what was thought, without marks; empty for a text without thinking
   * @param answer the rest; empty when the text ends inside its thinking
   * @param reasoningTokens generated tokens that are no answer, marks among them
   * @param finished whether the thinking has ended; true for a text without any
   */
  public record Parts(
      Optional<String> reasoning, String answer, int reasoningTokens, boolean finished) {}

  private final Tokenizer tokenizer;
  private final List<Marks> marks;

  private ReasoningMarks(Tokenizer tokenizer, List<Marks> marks) {
    this.tokenizer = tokenizer;
    this.marks = marks;
  }

  /**
   * The marks of a model.
   *
   * @param chatTemplate its text; empty without one
   * @param promptEnd text of a prompt from the last thing that differs from row to row; it may open
   *     the thinking, or open and close it
   */
  public static ReasoningMarks of(Tokenizer tokenizer, String chatTemplate, String promptEnd) {
    List<Marks> marks = new ArrayList<>();
    for (Pair pair : KNOWN) {
      OptionalInt end = single(tokenizer, pair.end);
      if (end.isEmpty() && !chatTemplate.contains(pair.end)) {
        continue;
      }
      int begun = promptEnd.lastIndexOf(pair.begin);
      boolean opened = begun >= 0 && begun > promptEnd.lastIndexOf(pair.end);
      Marks found = new Marks(pair, single(tokenizer, pair.begin), end, opened);
      marks.add(opened ? 0 : marks.size(), found);
    }
    return new ReasoningMarks(tokenizer, List.copyOf(marks));
  }

  private static OptionalInt single(Tokenizer tokenizer, String mark) {
    int[] ids = tokenizer.encodeContinuation(mark);
    return ids.length == 1 ? OptionalInt.of(ids[0]) : OptionalInt.empty();
  }

  /**
   * Takes a completion apart.
   *
   * @param tokens generated
   * @param text decoded without special tokens, and cut before a stop string
   */
  public Parts split(List<Integer> tokens, String text) {
    int[] ids = tokens.stream().mapToInt(Integer::intValue).toArray();
    for (Marks mark : marks) {
      if (mark.opened || begins(mark, ids, text)) {
        return mark.endId.isPresent() ? splitTokens(mark, ids, text) : splitText(mark, ids, text);
      }
    }
    return new Parts(Optional.empty(), text, 0, true);
  }

  /** Whether the first thing that is not blank opens thinking. */
  private boolean begins(Marks mark, int[] ids, String text) {
    return text.stripLeading().startsWith(mark.pair.begin) || firstToken(mark, ids) >= 0;
  }

  /** Place of the mark that opens, if nothing but blanks is before it; -1 elsewhere. */
  private int firstToken(Marks mark, int[] ids) {
    if (mark.beginId.isEmpty()) {
      return -1;
    }
    int at = 0;
    while (at < ids.length && ids[at] != mark.beginId.getAsInt()) {
      if (!tokenizer.decode(new int[] {ids[at]}, true).isBlank()) {
        return -1;
      }
      at++;
    }
    return at < ids.length ? at : -1;
  }

  private Parts splitTokens(Marks mark, int[] ids, String text) {
    int end = 0;
    while (end < ids.length && ids[end] != mark.endId.getAsInt()) {
      end++;
    }
    if (end == ids.length) {
      return splitText(mark, ids, text); // spelled out in other tokens, or not there
    }
    int cut = tokenizer.decode(ids, true).length() - text.length(); // behind a stop string
    String answer = decode(ids, end + 1, ids.length);
    return parts(
        mark,
        decode(ids, 0, end),
        answer.substring(0, Math.max(0, answer.length() - Math.max(0, cut))),
        end + 1);
  }

  private Parts splitText(Marks mark, int[] ids, String text) {
    int end = text.indexOf(mark.pair.end);
    if (end < 0) {
      return new Parts(Optional.of(thought(mark, text)), "", ids.length, false);
    }
    int answer = end + mark.pair.end.length();
    return parts(
        mark, text.substring(0, end), text.substring(answer), tokensBefore(ids, text, answer));
  }

  private static Parts parts(Marks mark, String thought, String answer, int reasoningTokens) {
    return new Parts(
        Optional.of(thought(mark, thought)), withoutMarks(answer), reasoningTokens, true);
  }

  private static String thought(Marks mark, String text) {
    String thought = text.strip();
    return thought.startsWith(mark.pair.begin)
        ? thought.substring(mark.pair.begin.length()).strip()
        : thought;
  }

  private static String withoutMarks(String text) {
    String answer = text.stripLeading();
    for (Pair around : AROUND_ANSWERS) {
      if (answer.startsWith(around.begin)) {
        String inner = answer.substring(around.begin.length()).stripLeading();
        int end = inner.lastIndexOf(around.end);
        return end < 0 ? inner : inner.substring(0, end).stripTrailing();
      }
    }
    return answer;
  }

  /** Fewest tokens whose text reaches a place of the whole text. */
  private int tokensBefore(int[] ids, String text, int place) {
    int least = 0;
    int most = ids.length;
    while (least < most) {
      int middle = (least + most) >>> 1;
      String before = decode(ids, 0, middle);
      if (before.length() >= place && before.startsWith(text.substring(0, place))) {
        most = middle;
      } else {
        least = middle + 1;
      }
    }
    return least;
  }

  private String decode(int[] ids, int from, int to) {
    return tokenizer.decode(Arrays.copyOfRange(ids, from, to), true);
  }
}
