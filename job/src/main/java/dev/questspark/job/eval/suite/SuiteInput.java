package dev.questspark.job.eval.suite;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.tokens.Tokenizer;
import dev.questspark.job.corpus.Document;
import dev.questspark.job.options.MeasureOptions.SuiteOptions;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * What suites are made from.
 *
 * @param tokenizer the model's, to hit the lengths asked for
 * @param template the task's prompt template
 * @param maxModelLen most tokens of document, question and answer together
 * @param corpus documents of {@code --input}; read only by suites that need text or questions
 * @param leftOut is told what of the corpus the suite cannot use, in a sentence
 */
public record SuiteInput(
    SuiteOptions options,
    Tokenizer tokenizer,
    String template,
    int maxModelLen,
    Supplier<List<Document>> corpus,
    Consumer<String> leftOut) {

  /** A remedy is a round number that also suits names of a few tokens more. */
  private static final int STEP = 32;

  /**
   * The lengths to make.
   *
   * @param beyond tokens of an answer that a length does not count
   * @throws ConfigException when one has no room in the context: a document that was made to a
   *     length must not lose a part of it
   */
  List<Integer> lengths(int beyond) {
    List<Integer> lengths = options.lengths();
    int longest = lengths.stream().max(Integer::compare).orElse(0);
    int room = maxModelLen - Math.max(0, beyond);
    if (longest > room) {
      throw new ConfigException(
          "--lengths has "
              + longest
              + ", but max_model_len "
              + maxModelLen
              + " has room for prompts of "
              + room
              + " tokens; give lengths of at most "
              + room
              + ", or raise --max-model-len if the model's own is larger.");
    }
    return lengths;
  }

  /**
   * The refusal of a length that what is asked and hidden fills up already: the prompt would be
   * longer than its label.
   *
   * @param least tokens of a prompt with the least filler
   */
  ConfigException tooShort(int length, int least) {
    return new ConfigException(
        "--lengths has "
            + length
            + ", but suite "
            + options.suite().word()
            + " needs "
            + least
            + " tokens for what it asks and hides; give a longer one, such as "
            + (least / STEP + 2) * STEP
            + ".");
  }

  List<Integer> depths() {
    return options.depths();
  }

  int samples() {
    return options.samples();
  }

  int maxTokens() {
    return options.maxTokens();
  }

  int tokens(String text) {
    return tokenizer.encode(text, false).length;
  }

  /** A generator of its own for each document, so that one more length moves no other. */
  Random random(String documentId) {
    return new Random(options.seed() * 1_000_003L + documentId.hashCode());
  }

  /** Document texts of the corpus, as filler. */
  Haystack haystack() {
    return Haystack.of(
        corpus.get().stream().map(Document::text).filter(text -> text != null).toList(), tokenizer);
  }
}
