package dev.questspark.engine.model;

import com.google.gson.Gson;
import dev.questspark.engine.model.DecoderHarness.Rows;
import dev.questspark.engine.policy.ReadPolicy;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/** The checkpoints of one family each, with what Hugging Face transformers answers. */
final class FamilyCheckpoints {
  /** Whose last rows go through the selector. */
  static final int QUESTION_TOKENS = 9;

  private FamilyCheckpoints() {}

  /** The fields of expected.json. */
  record Expected(int[] prompt, int[] logit_positions, float[][] logits, int[] greedy) {}

  /** Logits at the listed positions, then the generated tokens. */
  record Run(List<float[]> logits, int[] greedy) {}

  static List<String> names() {
    try (Stream<Path> folders = Files.list(ModelFolder.resource("hf-families"))) {
      return folders
          .filter(Files::isDirectory)
          .map(folder -> folder.getFileName().toString())
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static Path folder(String name) {
    return ModelFolder.resource("hf-families/" + name);
  }

  static Expected expected(String name) throws IOException {
    String text = Files.readString(folder(name).resolve("expected.json"));
    return new Gson().fromJson(text, Expected.class);
  }

  /** The prompt in chunks, its last tokens and the answer under the policy. */
  static Run run(DecoderHarness harness, Expected expected, ReadPolicy policy, int chunk) {
    int prompt = expected.prompt().length;
    int[] tokens = Arrays.copyOf(expected.prompt(), prompt + expected.greedy().length);
    List<float[]> logits = new ArrayList<>();
    int question = prompt - QUESTION_TOKENS;
    for (int from = 0; from < prompt; ) {
      int to = Math.min(from + chunk, from < question ? question : prompt);
      ReadPolicy selected = from < question ? null : policy;
      logits.addAll(
          harness.step(
              List.of(new Rows(0, tokens, from, to, selected, expected.logit_positions()))));
      from = to;
    }
    int[] greedy = new int[expected.greedy().length];
    float[] last = logits.get(logits.size() - 1);
    for (int i = 0; i < greedy.length; i++) {
      greedy[i] = DecoderHarness.argmax(last);
      int position = prompt + i;
      tokens[position] = greedy[i];
      Rows row = new Rows(0, tokens, position, position + 1, policy, position);
      last = harness.step(List.of(row)).get(0);
    }
    return new Run(logits, greedy);
  }

  /** The largest difference of any logit. */
  static double worst(List<float[]> actual, float[][] expected) {
    double worst = actual.size() == expected.length ? 0 : Double.POSITIVE_INFINITY;
    for (int i = 0; i < expected.length && i < actual.size(); i++) {
      for (int j = 0; j < expected[i].length; j++) {
        double difference = Math.abs((double) actual.get(i)[j] - expected[i][j]);
        worst = difference <= worst ? worst : difference; // NaN is the worst
      }
    }
    return worst;
  }
}
