package dev.questspark.engine;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.questspark.engine.model.ModelFolder;
import dev.questspark.engine.ops.PageScore;
import dev.questspark.engine.ops.cpu.CpuBackend;
import dev.questspark.engine.tokens.ByteTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
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
    EngineConfig config =
        new EngineConfig(
            model,
            "cpu",
            dtype,
            64,
            16,
            1,
            16,
            0,
            0.5,
            Set.of(PageScore.MINMAX),
            "auto",
            1,
            true,
            false);
    try (Engine engine = Engine.open(config, new ByteTokenizer(), step -> {})) {
      return engine.report().dtype();
    }
  }
}
