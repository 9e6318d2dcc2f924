package dev.questspark.engine.checkpoint.quantised;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.questspark.engine.checkpoint.ModelFiles;
import dev.questspark.engine.checkpoint.files.Checkpoint;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.ModelFolder;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.ops.LinearWeight;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.cpu.CpuBackend;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Every method's fixture against what its library, or the format's definition, makes of it: to the
 * bit.
 */
class QuantizedCheckpointTest {
  private static final int ROWS = 48;
  private static final int COLS = 64;

  @TempDir Path folder;

  /** The folder's expected tensors as a checkpoint of their own. */
  private Checkpoint expected(String method) throws IOException {
    Path copy = Files.createDirectories(folder.resolve(method));
    Files.copy(
        ModelFolder.resource("quantised/" + method + "/expected.safetensors"),
        copy.resolve("model.safetensors"));
    return ModelFiles.of(copy).weights();
  }

  @ParameterizedTest
  @CsvSource({
    "fp8, 4, 48, 64",
    "fp8-blocks, 1, 136, 150",
    "compressed-tensors, 6, 48, 64",
    "awq, 1, 48, 64",
    "gptq, 1, 48, 64",
    "gptq-v2, 1, 48, 64",
    "bitsandbytes, 4, 48, 64",
    "mxfp4, 1, 96, 64"
  })
  void matricesAreWidenedToTheBit(String method, int matrices, int rows, int cols)
      throws IOException {
    Checkpoint quantised = ModelFiles.of(ModelFolder.resource("quantised/" + method)).weights();
    Checkpoint expected = expected(method);
    assertThat(expected.names()).hasSize(matrices);
    for (String name : expected.names()) {
      HostTensor ours = quantised.matrix(name, rows, cols);
      HostTensor theirs = expected.matrix(name, rows, cols);
      for (int row = 0; row < rows; row++) {
        for (int col = 0; col < cols; col++) {
          assertThat(ours.get(row, col))
              .as("%s (%d, %d)", name, row, col)
              .isEqualTo(theirs.get(row, col));
        }
      }
      if (ours.dtype() == DType.F32) { // what was left as it was is bfloat16
        assertThat(ours.bytes(rows / 3, 9)).isEqualTo(theirs.bytes(rows / 3, 9));
      }
    }
    assertThat(quantised.unread()).isEmpty();
    assertThat(quantised.format()).contains("exactly", method.replaceAll("-(blocks|v2)", ""));
    assertThatThrownBy(() -> quantised.matrix(expected.names().iterator().next(), rows, cols + 8))
        .isInstanceOf(ConfigException.class);
    quantised.close();
    expected.close();
  }

  /** Fused with another matrix, in either dtype, as if the numbers had been stored in float32. */
  @Test
  void packsAsTheSameMatrixInFloat() throws IOException {
    for (DType dtype : List.of(DType.F32, DType.BF16)) {
      Path copy = folder.resolve(dtype.name());
      Files.createDirectories(copy);
      Files.copy(
          ModelFolder.resource("quantised/bitsandbytes/expected.safetensors"),
          copy.resolve("model.safetensors"));
      try (CpuBackend backend = CpuBackend.open(new BackendOptions(1, dtype, true));
          Checkpoint quantised =
              ModelFiles.of(ModelFolder.resource("quantised/bitsandbytes")).weights();
          Checkpoint expected = ModelFiles.of(copy).weights();
          LinearWeight ours = backend.pack(two(quantised), List.of());
          LinearWeight theirs = backend.pack(two(expected), List.of())) {
        float[] row = new float[COLS];
        float[] other = new float[COLS];
        Tensor x = rows(backend, ours);
        Tensor y = rows(backend, theirs);
        for (int i = 0; i < 2 * ROWS; i++) {
          backend.read(x, i, row);
          backend.read(y, i, other);
          assertThat(row).isEqualTo(other);
        }
      }
    }
  }

  /** All rows of a packed weight, read out of it again. */
  private static Tensor rows(CpuBackend backend, LinearWeight weight) {
    int rows = weight.outFeatures();
    int[] tokens = IntStream.range(0, rows).toArray();
    LoadedBatch batch =
        backend.load(
            new RaggedBatch(
                tokens, tokens, new int[] {0, rows}, new int[2], new int[0], new int[0]));
    Tensor x = backend.allocate(backend.activationDType(), rows, weight.inFeatures());
    backend.ops().embed(x, backend.rowsOf(weight).orElseThrow(), batch);
    return x;
  }

  private static List<HostTensor> two(Checkpoint checkpoint) {
    return List.of(
        checkpoint.matrix("nested.weight", ROWS, COLS),
        checkpoint.matrix("int8.weight", ROWS, COLS));
  }

  @ParameterizedTest
  @CsvSource({
    "quant_method, hqq, known are fp8",
    "quant_method, awq, version is marlin",
    "quant_method, gptq, bits is 3"
  })
  void whatIsNotKnownIsRefusedByName(String key, String value, String message) throws IOException {
    JsonObject section =
        JsonParser.parseString("{\"version\": \"marlin\", \"bits\": 3}").getAsJsonObject();
    section.addProperty(key, value);
    JsonObject config = new JsonObject();
    config.add("quantization_config", section);
    Files.writeString(folder.resolve("config.json"), config.toString());
    assertThatThrownBy(() -> ModelFiles.of(folder).weights())
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(message);
  }
}
