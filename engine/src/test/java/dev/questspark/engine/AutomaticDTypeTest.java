package dev.questspark.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.ModelFolder;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.ops.backend.DeviceName;
import dev.questspark.engine.ops.backend.WeightDType;
import dev.questspark.engine.ops.cpu.CpuBackend;
import dev.questspark.engine.tokens.ByteTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What {@code dtype=auto} comes to on the CPU, and that the report says so. */
class AutomaticDTypeTest {
  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({"bfloat16, true", "float16, true", "float32, false", ", false"})
  void followsTheCheckpointAndTheProcessor(String stated, boolean half) throws IOException {
    Path model = stating(stated);
    boolean fast = CpuBackend.multipliesBf16Natively();
    assertThat(opened(model, "auto")).isEqualTo(half && fast ? "bfloat16" : "float32");
  }

  @Test
  void whatIsAskedForIsWhatRuns() throws IOException {
    assertThat(opened(stating("bfloat16"), "float32")).isEqualTo("float32");
  }

  @Test
  void weightsInEightBitsAreForTheCpu() {
    Path model = ModelFolder.fixture("llama-mha");
    try (Engine engine = open(config(model, "cpu", "float32", "int8"))) {
      assertThat(engine.report().setup().backend()).contains(" f32 with weights in i8");
    }
    assertThatThrownBy(() -> open(config(model, "cuda", "float32", "int8")))
        .isInstanceOf(ConfigException.class)
        .hasMessage("weight_dtype int8 is for backend cpu, and the backend is cuda; use auto");
  }

  /** A checkpoint whose {@code config.json} states this element type, or none. */
  private Path stating(String dtype) throws IOException {
    Path fixture = ModelFolder.fixture("llama-mha");
    Files.copy(fixture.resolve("model.safetensors"), folder.resolve("model.safetensors"));
    JsonObject config =
        JsonParser.parseString(Files.readString(fixture.resolve("config.json"))).getAsJsonObject();
    config.remove("dtype");
    config.remove("torch_dtype");
    if (dtype != null) {
      config.addProperty("torch_dtype", dtype);
    }
    Files.writeString(
        folder.resolve("config.json"), new GsonBuilder().serializeNulls().create().toJson(config));
    return folder;
  }

  private static String opened(Path model, String dtype) {
    try (Engine engine = open(config(model, "cpu", dtype, "auto"))) {
      return engine.report().setup().dtype();
    }
  }

  private static Engine open(EngineConfig config) {
    return Engine.open(config, new ByteTokenizer(), step -> {});
  }

  private static EngineConfig config(Path model, String backend, String dtype, String weightDType) {
    return EngineConfig.builder(model)
        .device(DeviceName.parse(backend))
        .dtype(ComputeDType.parse(dtype))
        .weightDType(WeightDType.parse(weightDType))
        .maxModelLen(64)
        .maxNumSeqs(1)
        .maxNumBatchedTokens(16)
        .threads(1)
        .build();
  }
}
