package dev.questspark.engine.real;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.questspark.engine.model.DecoderHarness;
import dev.questspark.engine.model.DecoderHarness.Rows;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.cpu.CpuBackend;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A folder with the embedding of Qwen2.5-72B, 2.4 GB in bfloat16, and one small layer: packed,
 * looked up and multiplied, in little more memory than the weights. A sparse file, zeros but for a
 * few rows on both sides of the two gibibytes that one mapping and one Java buffer can hold.
 */
@Tag("real-model")
class LargeTensorTest {
  private static final int VOCABULARY = 152_064;
  private static final int HIDDEN = 8192;
  private static final int INNER = 16;
  private static final int HEAD = 64;
  private static final double EPSILON = 1e-5;
  private static final double MOST_MEMORY_PER_WEIGHT = 1.3;
  private static final long ROW_BYTES = 2L * HIDDEN;

  /** The last row before and the first behind two gibibytes among them. */
  private static final int[] WRITTEN = {
    3, 65_535, 65_536, (int) ((2L << 30) / ROW_BYTES) - 1, (int) ((2L << 30) / ROW_BYTES), 152_063
  };

  @TempDir Path folder;

  /** Exact in bfloat16. */
  private static float value(int row, int col) {
    return ((col * 31L + row * 17L) % 13 - 6) / 8f;
  }

  private static double square(int row) {
    double sum = 0;
    for (int col = 0; col < HIDDEN; col++) {
      sum += (double) value(row, col) * value(row, col);
    }
    return sum;
  }

  private static double expected(int token, int asked) {
    double norm = Math.sqrt(square(asked) / HIDDEN + EPSILON);
    double dot = 0;
    for (int col = 0; col < HIDDEN; col++) {
      dot += (double) value(token, col) * value(asked, col);
    }
    return dot / norm;
  }

  private void write() throws IOException {
    Files.writeString(
        folder.resolve("config.json"),
        """
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": %d,
         "hidden_size": %d, "intermediate_size": %d, "num_hidden_layers": 1,
         "num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": %d,
         "hidden_act": "silu", "rms_norm_eps": %s, "rope_theta": 10000.0,
         "max_position_embeddings": 512, "tie_word_embeddings": true}
        """
            .formatted(VOCABULARY, HIDDEN, INNER, HEAD, EPSILON));
    Map<String, int[]> shapes = new LinkedHashMap<>();
    String layer = "model.layers.0.";
    shapes.put("model.embed_tokens.weight", new int[] {VOCABULARY, HIDDEN});
    for (String name : List.of("q_proj", "k_proj", "v_proj")) {
      shapes.put(layer + "self_attn." + name + ".weight", new int[] {HEAD, HIDDEN});
    }
    shapes.put(layer + "self_attn.o_proj.weight", new int[] {HIDDEN, HEAD});
    shapes.put(layer + "mlp.gate_proj.weight", new int[] {INNER, HIDDEN});
    shapes.put(layer + "mlp.up_proj.weight", new int[] {INNER, HIDDEN});
    shapes.put(layer + "mlp.down_proj.weight", new int[] {HIDDEN, INNER});
    shapes.put(layer + "input_layernorm.weight", new int[] {HIDDEN});
    shapes.put(layer + "post_attention_layernorm.weight", new int[] {HIDDEN});
    shapes.put("model.norm.weight", new int[] {HIDDEN});
    JsonObject header = new JsonObject();
    long end = 0;
    for (Map.Entry<String, int[]> tensor : shapes.entrySet()) {
      JsonObject entry = new JsonObject();
      JsonArray shape = new JsonArray();
      JsonArray offsets = new JsonArray();
      offsets.add(end);
      long elements = 1;
      for (int size : tensor.getValue()) {
        shape.add(size);
        elements *= size;
      }
      end += 2 * elements;
      offsets.add(end);
      entry.addProperty("dtype", "BF16");
      entry.add("shape", shape);
      entry.add("data_offsets", offsets);
      header.add(tensor.getKey(), entry);
    }
    byte[] json = header.toString().getBytes(StandardCharsets.UTF_8);
    long start = 8L + json.length;
    try (RandomAccessFile file =
        new RandomAccessFile(folder.resolve("model.safetensors").toFile(), "rw")) {
      file.setLength(start + end);
      file.write(
          ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(json.length).array());
      file.write(json);
      for (int row : WRITTEN) {
        ByteBuffer bytes = ByteBuffer.allocate((int) ROW_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (int col = 0; col < HIDDEN; col++) {
          bytes.putShort(DType.floatToBf16(value(row, col)));
        }
        file.seek(start + row * ROW_BYTES);
        file.write(bytes.array());
      }
      ByteBuffer ones = ByteBuffer.allocate(2 * HIDDEN).order(ByteOrder.LITTLE_ENDIAN);
      while (ones.hasRemaining()) {
        ones.putShort(DType.floatToBf16(1));
      }
      file.seek(start + end - 2L * HIDDEN);
      file.write(ones.array());
    }
  }

  @Test
  void isPackedReadAndMultipliedInLittleMoreMemoryThanItsWeights() throws IOException {
    write();
    System.gc();
    long before = ProcessMemory.resident();
    ProcessMemory.forgetPeak();
    try (CpuBackend backend = CpuBackend.open(new BackendOptions(2, DType.F32, true));
        DecoderHarness harness = new DecoderHarness(folder, backend, 64, 64)) {
      long weights = VOCABULARY * ROW_BYTES;
      long peak = ProcessMemory.peak() - before;
      System.out.printf(
          "weights of %,d bytes, most memory while they were loaded %,d%n", weights, peak);
      assertThat(peak).isBetween(weights / 2, (long) (MOST_MEMORY_PER_WEIGHT * weights));
      int last = WRITTEN.length - 1;
      List<float[]> logits =
          harness.step(List.of(new Rows(0, WRITTEN, 0, WRITTEN.length, null, 0, 4, last)));
      for (int i = 0; i < 3; i++) {
        int asked = WRITTEN[new int[] {0, 4, last}[i]];
        for (int token : WRITTEN) {
          assertThat((double) logits.get(i)[token])
              .as("logit of %d behind %d", token, asked)
              .isCloseTo(expected(token, asked), withinPercentage(0.05));
        }
        assertThat(logits.get(i)[70_000]).isZero();
        float most = logits.get(i)[DecoderHarness.argmax(logits.get(i))];
        assertThat(most).isEqualTo(logits.get(i)[asked]);
      }
    }
  }
}
