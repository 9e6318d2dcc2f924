package dev.questspark.engine.jinja.syntax;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.python.Text;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * Cuts a template into tokens as {@code jinja2.lexer} does with {@code trim_blocks} (a newline
 * after a block goes), {@code lstrip_blocks} (blanks before a block that begins its line go) and
 * {@code keep_trailing_newline} off.
 */
final class Lexer {
  enum Kind {
    DATA,
    VARIABLE_BEGIN,
    VARIABLE_END,
    BLOCK_BEGIN,
    BLOCK_END,
    NAME,
    STRING,
    NUMBER,
    OPERATOR,
    END
  }

  /**
   * One token.
   *
   * @param text as written; of a string its content
   * @param value of a number
   */
  record Token(Kind kind, String text, Object value, int line) {
    boolean is(String operator) {
      return kind == Kind.OPERATOR && text.equals(operator);
    }

    boolean isName(String name) {
      return kind == Kind.NAME && text.equals(name);
    }

    @Override
    public String toString() {
      return switch (kind) {
        case END -> "the end of the template";
        case VARIABLE_END, BLOCK_END -> "the end of the tag";
        case STRING -> "a string";
        default -> "'" + text + "'";
      };
    }
  }

  private static final String[] OPERATORS = {
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}",
    ">", "<", "=", ".", ":", "|", ",", ";"
  };

  private final String source;
  private final List<Token> tokens = new ArrayList<>();
  private int at;
  private int line = 1;

  /** Whether the last token ended with a newline: what follows begins a line. */
  private boolean lineStarts = true;

  private Lexer(String source) {
    this.source = source;
  }

  static List<Token> tokens(String template) {
    String text = template.replace("\r\n", "\n").replace('\r', '\n');
    text = text.endsWith("\n") ? text.substring(0, text.length() - 1) : text;
    return new Lexer(text).run();
  }

  private List<Token> run() {
    while (at < source.length()) {
      int tag = nextTag();
      if (tag < 0) {
        data(source.substring(at), "", true);
        at = source.length();
        break;
      }
      char kind = source.charAt(tag + 1);
      int inside = tag + 2;
      String sign = sign(inside);
      data(source.substring(at, tag), sign, kind == '{');
      at = inside + sign.length();
      if (kind == '#') {
        comment();
      } else if (kind == '%' && rawBegins()) {
        raw();
      } else {
        add(kind == '{' ? Kind.VARIABLE_BEGIN : Kind.BLOCK_BEGIN, "{" + kind, null);
        tag(kind == '{');
      }
    }
    add(Kind.END, "", null);
    return tokens;
  }

  private int nextTag() {
    int open = source.indexOf('{', at);
    while (open >= 0 && open + 1 < source.length()) {
      if ("{%#".indexOf(source.charAt(open + 1)) >= 0) {
        return open;
      }
      open = source.indexOf('{', open + 1);
    }
    return -1;
  }

  private String sign(int position) {
    boolean signed = position < source.length() && "-+".indexOf(source.charAt(position)) >= 0;
    return signed ? source.substring(position, position + 1) : "";
  }

  private void add(Kind kind, String text, Object value) {
    tokens.add(new Token(kind, text, value, line));
  }

  /** Text before a tag, stripped as the tag's sign and the options say. */
  private void data(String text, String sign, boolean beforeVariable) {
    String kept = text;
    if (sign.equals("-")) {
      kept = Text.strip(text, null, false, true);
    } else if (sign.isEmpty() && !beforeVariable) {
      int lineStart = text.lastIndexOf('\n') + 1;
      if ((lineStart > 0 || lineStarts) && Text.strip(text.substring(lineStart)).isEmpty()) {
        kept = text.substring(0, lineStart);
      }
    }
    if (!kept.isEmpty()) {
      add(Kind.DATA, kept, null);
    }
    countLines(text);
  }

  private void countLines(String text) {
    line += (int) text.chars().filter(c -> c == '\n').count();
  }

  private void comment() {
    int end = source.indexOf("#}", at);
    if (end < 0) {
      throw JinjaException.atLine(line, "the comment is never closed; add #}");
    }
    char last = end > at ? source.charAt(end - 1) : 0;
    countLines(source.substring(at, end));
    at = end + 2;
    afterTag(last == '-', last != '+');
  }

  /** Steps over what goes after a tag: white space, or one newline. */
  private void afterTag(boolean strip, boolean trim) {
    int from = at;
    if (strip) {
      skipSpace();
    } else if (trim && at < source.length() && source.charAt(at) == '\n') {
      at++;
      line++;
    }
    lineStarts = at > from && source.charAt(at - 1) == '\n';
  }

  private void skipSpace() {
    int from = at;
    while (at < source.length() && Text.isSpace(source.charAt(at))) {
      at++;
    }
    countLines(source.substring(from, at));
  }

  private boolean rawBegins() {
    return endOfWord(at, "raw") >= 0;
  }

  /** Where a tag of one word ends, if such a tag's content begins here; else -1. */
  private int endOfWord(int from, String word) {
    int i = from;
    while (i < source.length() && Text.isSpace(source.charAt(i))) {
      i++;
    }
    if (!source.startsWith(word, i)) {
      return -1;
    }
    i += word.length();
    while (i < source.length() && Text.isSpace(source.charAt(i))) {
      i++;
    }
    boolean signed =
        source.startsWith("-%}", i) || word.equals("endraw") && source.startsWith("+%}", i);
    return signed ? i + 3 : source.startsWith("%}", i) ? i + 2 : -1;
  }

  /** Everything up to endraw is text. */
  private void raw() {
    int end = endOfWord(at, "raw");
    countLines(source.substring(at, end));
    at = end;
    if (source.charAt(end - 3) == '-') {
      skipSpace();
    }
    lineStarts = false;
    for (int tag = source.indexOf("{%", at); tag >= 0; tag = source.indexOf("{%", tag + 1)) {
      String sign = sign(tag + 2);
      int close = endOfWord(tag + 2 + sign.length(), "endraw");
      if (close >= 0) {
        data(source.substring(at, tag), sign, false);
        countLines(source.substring(tag, close));
        at = close;
        char last = source.charAt(close - 3);
        afterTag(last == '-', last != '+');
        return;
      }
    }
    throw JinjaException.atLine(line, "raw is never closed; add {% endraw %}");
  }

  /** The tokens of a tag, up to and with its end. */
  private void tag(boolean variable) {
    String close = variable ? "}}" : "%}";
    Deque<Character> open = new ArrayDeque<>();
    while (true) {
      skipSpace();
      if (at >= source.length()) {
        return; // the parser says what is missing
      }
      if (open.isEmpty()) {
        boolean strip = source.startsWith("-" + close, at);
        boolean keep = !variable && source.startsWith("+%}", at);
        if (strip || keep || source.startsWith(close, at)) {
          add(variable ? Kind.VARIABLE_END : Kind.BLOCK_END, close, null);
          at += strip || keep ? 3 : 2;
          afterTag(strip, !variable && !keep);
          return;
        }
      }
      token(open);
    }
  }

  private void token(Deque<Character> open) {
    char c = source.charAt(at);
    if (c >= '0' && c <= '9') {
      number();
    } else if (c == '\'' || c == '"') {
      StringLiteral literal = StringLiteral.read(source, at, line);
      add(Kind.STRING, literal.value(), null);
      countLines(source.substring(at, literal.end()));
      at = literal.end();
    } else if (Character.isUnicodeIdentifierStart(source.codePointAt(at)) || c == '_') {
      int from = at;
      while (at < source.length() && isWord(source.codePointAt(at))) {
        at += Character.charCount(source.codePointAt(at));
      }
      add(Kind.NAME, source.substring(from, at), null);
    } else {
      operator(open);
    }
  }

  private static boolean isWord(int codePoint) {
    return Character.isUnicodeIdentifierPart(codePoint)
        && !Character.isIdentifierIgnorable(codePoint);
  }

  private void operator(Deque<Character> open) {
    for (String operator : OPERATORS) {
      if (source.startsWith(operator, at)) {
        balance(open, operator.charAt(0));
        add(Kind.OPERATOR, operator, null);
        at += operator.length();
        return;
      }
    }
    String found = Character.toString(source.codePointAt(at));
    throw JinjaException.atLine(line, "unexpected character '" + found + "'");
  }

  private void balance(Deque<Character> open, char c) {
    if ("([{".indexOf(c) >= 0) {
      open.push(c == '(' ? ')' : c == '[' ? ']' : '}');
    } else if (")]}".indexOf(c) >= 0 && (open.isEmpty() || open.pop() != c)) {
      throw JinjaException.atLine(line, "unexpected '" + c + "'");
    }
  }

  private void number() {
    NumberLiteral literal = NumberLiteral.read(source, at, line);
    add(Kind.NUMBER, source.substring(at, literal.end()), literal.value());
    at = literal.end();
  }
}
