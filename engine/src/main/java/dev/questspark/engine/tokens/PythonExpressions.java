package dev.questspark.engine.tokens;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Writes expressions out as jinjava reads them. Parentheses that Python's precedence implies:
 * {@code not} binds weaker than any comparison or test ({@code not x is defined} denies the test),
 * and a keyword argument takes its whole expression ({@code namespace(last=n - 1)}). And {@code
 * list[::-1]}, which jinjava has as a filter.
 */
final class PythonExpressions {
  private static final Pattern TOKEN =
      Pattern.compile(
          "'(?:\\\\.|[^'\\\\])*'|\"(?:\\\\.|[^\"\\\\])*\"|\\w+|[=!<>]=|\\s+|.", Pattern.DOTALL);

  private static final Set<String> OPEN = Set.of("(", "[", "{");
  private static final Set<String> CLOSE = Set.of(")", "]", "}");

  /** What ends the operand of a {@code not}, besides a comma or closing bracket. */
  private static final Set<String> WEAKER = Set.of("and", "or", "if", "else");

  private static final List<String> REVERSED = List.of("[", ":", ":", "-", "1", "]");

  private final List<String> tokens = new ArrayList<>();
  private final StringBuilder out = new StringBuilder();
  private int at;

  private PythonExpressions(String expression) {
    Matcher matcher = TOKEN.matcher(expression);
    while (matcher.find()) {
      tokens.add(matcher.group());
    }
  }

  /** The content of a tag, written out. */
  static String explicit(String tag) {
    if (tag.stripLeading().startsWith("macro")) {
      return tag; // a signature, not an expression
    }
    PythonExpressions rewriter = new PythonExpressions(tag);
    rewriter.copy(Set.of(), false);
    for (String rest : rewriter.tokens.subList(rewriter.at, rewriter.tokens.size())) {
      rewriter.out.append(rest); // a bracket too many; jinjava says so
    }
    return rewriter.out.toString();
  }

  /** Copies up to a token of {@code ends}, or to the bracket or end that closes this level. */
  private void copy(Set<String> ends, boolean arguments) {
    while (at < tokens.size()) {
      String token = tokens.get(at);
      if (ends.contains(token) || CLOSE.contains(token)) {
        return;
      }
      if (token.equals("not") && !neighbour(-1).equals("is") && !neighbour(1).equals("in")) {
        out.append(token).append(' ');
        at++;
        inParentheses(union(WEAKER, ends));
      } else if (arguments && Character.isLetter(token.charAt(0)) && neighbour(1).equals("=")) {
        while (!tokens.get(at).equals("=")) {
          out.append(tokens.get(at++));
        }
        out.append(tokens.get(at++));
        inParentheses(Set.of(","));
      } else if (startsReversed()) {
        out.append("|reverse");
        at += REVERSED.size();
      } else if (OPEN.contains(token)) {
        out.append(token);
        at++;
        copy(Set.of(), token.equals("("));
        if (at < tokens.size()) {
          out.append(tokens.get(at++));
        }
      } else {
        out.append(token);
        at++;
      }
    }
  }

  private void inParentheses(Set<String> ends) {
    out.append('(');
    copy(union(ends, Set.of(",")), false);
    out.append(')');
  }

  private boolean startsReversed() {
    int end = at + REVERSED.size();
    return end <= tokens.size() && tokens.subList(at, end).equals(REVERSED);
  }

  /** The nearest token before or after this one that is not blank; empty at an end. */
  private String neighbour(int step) {
    int i = at + step;
    while (i >= 0 && i < tokens.size() && tokens.get(i).isBlank()) {
      i += step;
    }
    return i >= 0 && i < tokens.size() ? tokens.get(i) : "";
  }

  private static Set<String> union(Set<String> a, Set<String> b) {
    Set<String> both = new HashSet<>(a);
    both.addAll(b);
    return both;
  }
}
