package dev.questspark.job.corpus;

import java.util.Set;
import org.xml.sax.Attributes;
import org.xml.sax.SAXException;
import org.xml.sax.helpers.DefaultHandler;

/**
 * The text of an XHTML body as people read it: blocks apart by an empty line, list items and table
 * rows by a line break, white space inside a block one blank. So that sections stay visible
 * regardless of what the file's line breaks mean.
 */
final class ParagraphText extends DefaultHandler {
  private static final Set<String> BLOCKS =
      Set.of(
          "p",
          "div",
          "section",
          "article",
          "blockquote",
          "pre",
          "table",
          "ul",
          "ol",
          "dl",
          "body",
          "h1",
          "h2",
          "h3",
          "h4",
          "h5",
          "h6");
  private static final Set<String> LINES = Set.of("li", "tr", "br", "dt", "dd", "caption");
  private static final Set<String> CELLS = Set.of("td", "th");

  /** Thrown when there is more text than allowed. */
  static final class TooMuch extends SAXException {
    private static final long serialVersionUID = 1L;
  }

  /** Thrown when nobody waits for the text any more. */
  static final class Abandoned extends SAXException {
    private static final long serialVersionUID = 1L;
  }

  private final int maxCharacters;
  private final boolean verbatim;
  private final StringBuilder text = new StringBuilder();
  private volatile boolean abandoned;
  private int bodies;
  private int verbatimDepth;
  private int breaks;
  private boolean blank;

  /**
   * @param verbatim whether line breaks and blanks of the source are part of the text
   */
  ParagraphText(int maxCharacters, boolean verbatim) {
    this.maxCharacters = maxCharacters;
    this.verbatim = verbatim;
  }

  /** What came so far, without white space at the ends. */
  String text() {
    return text.toString().strip();
  }

  /** Makes the next event of the parser its last. Called from another thread. */
  void abandon() {
    abandoned = true;
  }

  @Override
  public void startElement(String uri, String name, String qualified, Attributes attributes)
      throws SAXException {
    proceed();
    if (name.equals("body")) {
      bodies++;
    }
    if (name.equals("pre")) {
      verbatimDepth++;
    }
    separate(name);
  }

  @Override
  public void endElement(String uri, String name, String qualified) throws SAXException {
    proceed();
    separate(name);
    if (name.equals("pre")) {
      verbatimDepth--;
    }
    if (name.equals("body")) {
      bodies--;
    }
  }

  private void separate(String name) {
    if (BLOCKS.contains(name)) {
      breaks = Math.max(breaks, 2);
    } else if (LINES.contains(name)) {
      breaks = Math.max(breaks, 1);
    } else if (CELLS.contains(name)) {
      blank = true;
    }
  }

  @Override
  public void characters(char[] characters, int from, int count) throws SAXException {
    proceed();
    if (bodies == 0) {
      return;
    }
    if (count > maxCharacters - text.length()) {
      throw new TooMuch();
    }
    for (int i = from; i < from + count; i++) {
      if (Character.isWhitespace(characters[i]) && !verbatim && verbatimDepth == 0) {
        blank = true;
      } else {
        append(characters[i]);
      }
    }
  }

  private void append(char character) {
    if (breaks > 0 && !text.isEmpty()) {
      text.append("\n".repeat(breaks));
    } else if (blank && !text.isEmpty()) {
      text.append(' ');
    }
    breaks = 0;
    blank = false;
    text.append(character);
  }

  /** What a parser adds for looks between elements. */
  @Override
  public void ignorableWhitespace(char[] characters, int from, int count) throws SAXException {
    proceed();
    blank |= !verbatim;
  }

  private void proceed() throws Abandoned {
    if (abandoned) {
      throw new Abandoned();
    }
  }
}
