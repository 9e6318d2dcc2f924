package dev.questspark.engine.tokens;

import dev.questspark.engine.model.SamplingParams;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Watches one row's output for the tokens and strings that end it. A stop string may span tokens;
 * the text ends before it. A stop token belongs neither to the tokens nor to the text.
 */
public final class StopChecker {
  private final Tokenizer tokenizer;
  private final SamplingParams params;

  /** Text is only followed token by token where a stop string may end it. */
  private final Optional<TextStream> stream;

  private final StringBuilder text = new StringBuilder();
  private final List<Integer> tokens = new ArrayList<>();
  private final int longestStop;
  private boolean stopped;

  public StopChecker(Tokenizer tokenizer, SamplingParams params) {
    this.tokenizer = tokenizer;
    this.params = params;
    this.longestStop = params.stop().stream().mapToInt(String::length).max().orElse(0);
    this.stream =
        longestStop == 0 ? Optional.empty() : Optional.of(new TextStream(tokenizer, true));
  }

  /**
   * Takes the next token of the row.
   *
   * @return whether the row ends here by a stop token or stop string
   */
  public boolean accept(int token) {
    if (stopped) {
      throw new IllegalStateException("token " + token + " after the row had stopped");
    }
    if (!params.ignoreEos() && params.stopTokenIds().contains(token)) {
      finish();
      return true;
    }
    tokens.add(token);
    stopped = stream.isPresent() && follow(stream.get().append(token));
    return stopped;
  }

  /** No more tokens come: takes in a last, incomplete character. */
  public void finish() {
    if (!stopped) {
      stream.ifPresent(rest -> follow(rest.finish()));
      stopped = true;
    }
  }

  /** Tokens so far, the stop token left out. */
  public List<Integer> tokens() {
    return List.copyOf(tokens);
  }

  /** Text so far, cut before a stop string. */
  public String text() {
    return stream.isPresent()
        ? text.toString()
        : tokenizer.decode(tokens.stream().mapToInt(Integer::intValue).toArray(), true);
  }

  private boolean follow(String more) {
    int known = text.length();
    text.append(more);
    return cutAtStop(known);
  }

  /** Cuts before the first stop string that ends after {@code known} characters. */
  private boolean cutAtStop(int known) {
    int cut = -1;
    int from = Math.max(0, known - longestStop + 1);
    for (String stop : params.stop()) {
      int at = text.indexOf(stop, from);
      if (at >= 0 && (cut < 0 || at < cut)) {
        cut = at;
      }
    }
    if (cut >= 0) {
      text.setLength(cut);
    }
    return cut >= 0;
  }
}
