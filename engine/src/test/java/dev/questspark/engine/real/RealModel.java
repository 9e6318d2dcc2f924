package dev.questspark.engine.real;

import com.google.gson.Gson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Assumptions;

/**
 * SmolLM2-135M-Instruct and what transformers says of it, in the folder {@code shared} beside the
 * checkout or where {@code QUESTSPARK_SHARED} says.
 */
final class RealModel {
  private static final Path SHARED =
      Path.of(System.getenv().getOrDefault("QUESTSPARK_SHARED", "../../shared"))
          .toAbsolutePath()
          .normalize();
  static final Path GGUF = SHARED.resolve("models/SmolLM2-135M-Instruct.Q4_1.gguf");

  /** The published configuration and tokenizer. */
  static final Path SMALL_FILES = SHARED.resolve("models/smollm2");

  private static final Path REFERENCE = SHARED.resolve("models/smollm2-reference.json");

  private RealModel() {}

  /** The fields of the reference. */
  record Reference(List<Chat> chats, List<Logits> logits, List<Perplexity> perplexity) {}

  record Chat(
      String book,
      int start,
      int length,
      String message,
      int prompt_tokens,
      int[] prompt_ids_first,
      int[] prompt_ids_last,
      List<Integer> output_ids) {}

  record Logits(
      String book,
      int start,
      int tokens,
      int[] last_ids,
      int[] top_ids,
      float[] top_logits,
      double logsumexp) {}

  record Perplexity(String book, int start, int tokens, double nll_mean, double perplexity) {}

  /** Says whether the tests run, and skips them if not. */
  static void require() {
    boolean there = Files.isRegularFile(GGUF) && Files.isRegularFile(REFERENCE);
    System.out.println(
        there
            ? "real model: " + GGUF + " is there, its tests run"
            : "real model: no " + GGUF + ", its tests do not run");
    Assumptions.assumeTrue(there, "no " + GGUF);
  }

  static Reference reference() throws IOException {
    return new Gson().fromJson(Files.readString(REFERENCE), Reference.class);
  }

  static String book(String name) throws IOException {
    return Files.readString(SHARED.resolve("fixtures/books/" + name + ".txt"));
  }

  /** As Python's {@code text[start:start + length]}, which counts code points. */
  static String passage(String book, int start, int length) throws IOException {
    String text = book(book);
    int from = text.offsetByCodePoints(0, start);
    int to = Math.min(start + length, text.codePointCount(0, text.length()));
    return text.substring(from, text.offsetByCodePoints(0, to));
  }
}
