package dev.questspark.job.chunk;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Finds the sections of a plain text. One begins at every
 *
 * <ul>
 *   <li>heading of Markdown, {@code #} to {@code ######}, outside fenced code;
 *   <li>title line: between blank lines, 80 characters at most, with a letter, and ending in a
 *       letter, a digit or a closing bracket, or else all in capitals ({@code CHAPTER IV.});
 *   <li>form feed; such a page goes on under the heading before it.
 * </ul>
 *
 * Headings with nothing but blank lines between them ({@code CHAPTER IV}, then its title) begin one
 * section together.
 */
public final class Sections {
  private static final int MAX_TITLE_CHARACTERS = 80;
  private static final String BETWEEN_HEADINGS = " / ";
  private static final Pattern MARKDOWN =
      Pattern.compile(" {0,3}#{1,6}[ \t]+(.*?)[ \t]*(?:[ \t]#+[ \t]*)?");
  private static final List<String> FENCES = List.of("```", "~~~");

  private final String text;
  private final List<Section> found = new ArrayList<>();

  /** Fence of the code that the line at hand is part of. */
  private Optional<String> code = Optional.empty();

  /** Whether the latest section has had no text yet. */
  private boolean headingsOnly;

  private Sections(String text) {
    this.text = text;
  }

  /** The sections in order; together they are the whole text. */
  public static List<Section> of(String text) {
    return new Sections(text).find();
  }

  private List<Section> find() {
    boolean blankBefore = true;
    OptionalInt page = OptionalInt.empty();
    for (int from = 0; from < text.length(); ) {
      int next = nextLine(text, from, text.length());
      String line = text.substring(from, next);
      if (from > 0 && text.charAt(from - 1) == '\f') {
        page = OptionalInt.of(from);
        blankBefore = true;
      }
      if (line.isBlank()) {
        blankBefore = true;
      } else {
        Optional<String> heading = heading(line, blankBefore, next);
        int begins = found.isEmpty() ? 0 : page.orElse(from);
        if (heading.isPresent()) {
          begin(begins, heading.get());
        } else {
          goOn(begins, page.isPresent());
        }
        page = OptionalInt.empty();
        blankBefore = false;
      }
      from = next;
    }
    return found.isEmpty() ? List.of(new Section(0, List.of())) : found;
  }

  private void begin(int from, String heading) {
    if (headingsOnly) {
      Section latest = found.remove(found.size() - 1);
      String both = latest.headings().get(0) + BETWEEN_HEADINGS + heading;
      found.add(new Section(latest.from(), List.of(both)));
    } else {
      found.add(new Section(from, List.of(heading)));
    }
    headingsOnly = true;
  }

  private void goOn(int from, boolean newPage) {
    if (found.isEmpty()) {
      found.add(new Section(from, List.of()));
    } else if (newPage && !headingsOnly) {
      found.add(new Section(from, found.get(found.size() - 1).headings()));
    }
    headingsOnly = false;
  }

  private Optional<String> heading(String line, boolean blankBefore, int next) {
    String content = line.strip();
    if (code.isPresent()) {
      code = content.startsWith(code.get()) ? Optional.empty() : code;
      return Optional.empty();
    }
    code = FENCES.stream().filter(content::startsWith).findFirst();
    if (code.isPresent()) {
      return Optional.empty();
    }
    Matcher markdown = MARKDOWN.matcher(line.stripTrailing());
    if (markdown.matches() && !markdown.group(1).isBlank()) {
      return Optional.of(markdown.group(1).strip());
    }
    boolean alone =
        blankBefore
            && next < text.length()
            && text.substring(next, nextLine(text, next, text.length())).isBlank();
    return alone && isTitle(content) ? Optional.of(content) : Optional.empty();
  }

  private static boolean isTitle(String line) {
    if (line.length() > MAX_TITLE_CHARACTERS || line.codePoints().noneMatch(Character::isLetter)) {
      return false;
    }
    int last = line.codePointBefore(line.length());
    boolean open =
        Character.isLetterOrDigit(last)
            || switch (Character.getType(last)) {
              case Character.NON_SPACING_MARK,
                  Character.COMBINING_SPACING_MARK,
                  Character.END_PUNCTUATION ->
                  true;
              default -> false;
            };
    boolean capitals =
        line.codePoints().anyMatch(Character::isUpperCase)
            && line.codePoints().noneMatch(Character::isLowerCase);
    return open || capitals;
  }

  /** Where the line that begins at {@code from} has its end, line break included. */
  static int nextLine(String text, int from, int to) {
    for (int at = from; at < to; at++) {
      char character = text.charAt(at);
      if (character == '\n' || character == '\f') {
        return at + 1;
      }
      if (character == '\r' && (at + 1 == to || text.charAt(at + 1) != '\n')) {
        return at + 1;
      }
    }
    return to;
  }
}
