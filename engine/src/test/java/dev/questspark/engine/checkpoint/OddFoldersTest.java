package dev.questspark.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.questspark.engine.Completion;
import dev.questspark.engine.DocumentRequest;
import dev.questspark.engine.Engine;
import dev.questspark.engine.EngineConfig;
import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.ModelFolder;
import dev.questspark.engine.model.ModelWeights;
import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.model.family.ModelConfigReader;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.tokens.ByteTokenizer;
import dev.questspark.engine.tokens.ChatTemplate;
import dev.questspark.engine.tokens.HfTokenizer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Folders that are a model but for something: each is refused in one sentence before any weight is
 * read, or answers as the sound one does.
 */
class OddFoldersTest {
  private static final String WEIGHTS = "model.safetensors";
  private static final String CONFIG = "config.json";

  @TempDir Path folder;
  private Path model;

  @BeforeEach
  void sound() throws IOException {
    model = Files.createDirectory(folder.resolve("model"));
    try (Stream<Path> files = Files.list(ModelFolder.fixture("llama-mha"))) {
      for (Path file : files.toList()) {
        Files.copy(file, model.resolve(file.getFileName()));
      }
    }
    for (String name : List.of("tokenizer.json", "tokenizer_config.json")) {
      Files.copy(ModelFolder.resource("tokenizers/bytes").resolve(name), model.resolve(name));
    }
  }

  /** What a driver checks before it starts anything. */
  private static void check(Path model) {
    ModelFiles.of(model).requireJson("tokenizer.json");
    ModelWeights.check(model, ModelConfigReader.read(model));
    ChatTemplate.open(model);
    HfTokenizer.open(model).close();
  }

  private void refused(String fragment) {
    assertThatThrownBy(() -> check(model))
        .isInstanceOf(ConfigException.class)
        .satisfies(e -> assertThat(e.getMessage()).contains(fragment).doesNotContain("\n"));
  }

  private static List<Integer> answer(Path model) {
    EngineConfig config =
        EngineConfig.builder(model)
            .dtype(ComputeDType.FLOAT32)
            .maxModelLen(64)
            .maxNumBatchedTokens(64)
            .threads(1)
            .build();
    try (Engine engine = Engine.open(config, new ByteTokenizer(), step -> {})) {
      QuestionRequest question =
          new QuestionRequest(
              new int[] {80}, new Dense(), false, SamplingParams.greedy(6, List.of()));
      Completion completion =
          engine
              .submit(new DocumentRequest("d", new int[] {65, 66, 67}, List.of(question)))
              .get(0)
              .join();
      return completion.tokens();
    }
  }

  private void config(String key, String value) throws IOException {
    JsonObject config =
        JsonParser.parseString(Files.readString(model.resolve(CONFIG))).getAsJsonObject();
    config.remove(key);
    if (!value.equals("absent")) {
      config.add(key, JsonParser.parseString(value));
    }
    Files.writeString(model.resolve(CONFIG), config.toString());
  }

  /** Other names and shapes for the same bytes. */
  private void header(UnaryOperator<String> change) throws IOException {
    byte[] file = Files.readAllBytes(model.resolve(WEIGHTS));
    int length = (int) ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
    byte[] json =
        change
            .apply(new String(file, 8, length, StandardCharsets.UTF_8))
            .getBytes(StandardCharsets.UTF_8);
    ByteBuffer out =
        ByteBuffer.allocate(file.length - length + json.length).order(ByteOrder.LITTLE_ENDIAN);
    out.putLong(json.length).put(json).put(file, 8 + length, file.length - 8 - length);
    Files.write(model.resolve(WEIGHTS), out.array());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          num_hidden_layers       | 9                | lacks tensor model.layers.
          vocab_size              | 4000             | config.json expects [4000,
          hidden_size             | 128              | config.json expects
          num_attention_heads     | 0                | at least 1
          head_dim                | 7                | even
          rope_theta              | "big"            | a number
          rope_parameters         | {"rope_type": "su", "rope_theta": 10000.0} | it must be a list of 8 numbers
          tie_word_embeddings     | false            | lacks tensor lm_head.weight
          architectures           | ["LlamaForSequenceClassification"] | it must be one of
          architectures           | ["SomebodysOwnForCausalLM"] | it must be one of
          quantization_config     | {"quant_method": "quip"} | quip
          rms_norm_eps            | absent           | rms_norm_eps is missing
          max_position_embeddings | absent           | max_position_embeddings is missing
          """)
  void aConfigurationThatDoesNotFitIsRefused(String key, String value, String fragment)
      throws IOException {
    if (key.equals("tie_word_embeddings")) {
      header(json -> json.replace("\"lm_head.weight\"", "\"else_head.weight\""));
    }
    if (key.equals("rope_theta")) {
      config("rope_parameters", "absent");
    }
    config(key, value);
    refused(fragment);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          torch_dtype    | "float32"
          dtype          | "float16"
          architectures  | null
          eos_token_id   | null
          bos_token_id   | null
          attention_bias | null
          mlp_bias       | null
          rope_scaling   | null
          auto_map       | {"AutoModelForCausalLM": "modeling_own.Own"}
          pretraining_tp | null
          """)
  void aConfigurationThatOnlyLooksOddAnswersAlike(String key, String value) throws IOException {
    List<Integer> expected = answer(model);
    config(key, value);
    check(model);
    assertThat(answer(model)).isEqualTo(expected);
  }

  @Test
  void weightsUnderOtherNamesAreNotTaken() throws IOException {
    header(json -> json.replace("\"model.", "\"transformer."));
    refused("lacks tensor model.");
    header(json -> json.replace("\"transformer.", "\""));
    refused("lacks tensor model.");
  }

  @Test
  void weightsOfOtherFrameworksAreNotRead() throws IOException {
    Files.move(model.resolve(WEIGHTS), model.resolve("pytorch_model.bin"));
    refused("save the model in the safetensors format");
    Files.delete(model.resolve("pytorch_model.bin"));
    refused("neither " + WEIGHTS + " nor");
  }

  @Test
  void aTensorThatNobodyReadsAndLayersThatAreLeftOutAreNoFault() throws IOException {
    List<Integer> expected = answer(model);
    header(
        json ->
            json.replaceFirst(
                "\"lm_head.weight\"",
                "\"model.layers.0.self_attn.o_proj.bias\":{\"dtype\":\"BF16\",\"shape\":[0],"
                    + "\"data_offsets\":[0,0]},\"lm_head.weight\""));
    check(model);
    assertThat(answer(model)).isEqualTo(expected);
    config("num_hidden_layers", "2");
    check(model);
    assertThat(answer(model)).hasSize(6);
  }

  @Test
  void aSnapshotOfLinksIsAFolder() throws IOException {
    Path snapshot = Files.createDirectories(folder.resolve("models--o--n/snapshots/abc"));
    Path blobs = Files.createDirectories(folder.resolve("models--o--n/blobs"));
    try (Stream<Path> files = Files.list(model)) {
      for (Path file : files.toList()) {
        Path blob = blobs.resolve("hash-of-" + file.getFileName());
        Files.copy(file, blob);
        Files.createSymbolicLink(snapshot.resolve(file.getFileName()), snapshot.relativize(blob));
      }
    }
    check(snapshot);
    assertThat(answer(snapshot)).isEqualTo(answer(model));
    assertThat(answer(folder.resolve("models--o--n"))).isEqualTo(answer(model));
  }

  @Test
  void aByteOrderMarkIsNoFault() throws IOException {
    List<Integer> expected = answer(model);
    for (String name : List.of(CONFIG, "tokenizer.json", "tokenizer_config.json")) {
      Files.writeString(model.resolve(name), "\ufeff" + Files.readString(model.resolve(name)));
    }
    check(model);
    assertThat(answer(model)).isEqualTo(expected);
  }

  @Test
  void aTokenizerMustBeTheFastOneAndSound() throws IOException {
    Path file = model.resolve("tokenizer.json");
    Files.writeString(file, "{\"model\": 5}");
    refused("tokenizer.json");
    Files.writeString(file, "{\"model\": {\"type\": \"NoSuchModel\"}}");
    refused("tokenizer.json cannot be loaded");
    Files.writeString(file, "[1, 2]");
    refused("does not hold a JSON object");
    Files.move(file, model.resolve("tokenizer.model"));
    refused("use_fast=True");
  }

  @Test
  void aTemplateThatIsNoJinjaIsRefused() throws IOException {
    Files.writeString(
        model.resolve("chat_template.jinja"), "{% for m in messages %}{{ m.content }");
    refused("chat_template.jinja: the chat template fails");
  }

  @Test
  void aConfigurationMustBeThereAndBeOne() throws IOException {
    for (String text : List.of("", "[]", "{}", "null")) {
      Files.writeString(model.resolve(CONFIG), text);
      refused("config.json");
    }
    Files.delete(model.resolve(CONFIG));
    refused("holds no config.json");
  }
}
