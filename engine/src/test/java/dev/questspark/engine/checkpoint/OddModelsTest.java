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
import dev.questspark.engine.failure.DocumentException;
import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.engine.model.ModelFolder;
import dev.questspark.engine.model.ModelWeights;
import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.model.family.ModelConfigReader;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.tokens.ByteTokenizer;
import dev.questspark.engine.tokens.HfTokenizer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What people point a program at that is not quite a model folder, and models that are not sound.
 */
class OddModelsTest {
  private static final String FIXTURE = "llama-mha";
  private static final String TIED = "qwen2-bias";
  private static final String WEIGHTS = "model.safetensors";

  @TempDir Path folder;

  private Path copy(String fixture, Path target) throws IOException {
    Files.createDirectories(target);
    try (Stream<Path> files = Files.list(ModelFolder.fixture(fixture))) {
      for (Path file : files.toList()) {
        Files.copy(file, target.resolve(file.getFileName()));
      }
    }
    return target;
  }

  private static void refused(Path model, String... parts) {
    assertThatThrownBy(() -> ModelConfigReader.read(model))
        .isInstanceOf(ConfigException.class)
        .satisfies(e -> assertThat(e.getMessage()).contains(parts).doesNotContain("\n"));
  }

  @Test
  void aFileOfTheFolderIsNotTheFolder() throws IOException {
    Path model = copy(FIXTURE, folder.resolve("m"));
    refused(model.resolve(WEIGHTS), "a file that is no GGUF", "give the model's folder, " + model);
    refused(model.resolve("config.json"), "give the model's folder, " + model);
    refused(folder.resolve("absent"), "does not exist on this machine; check --model.");
    refused(Path.of("absent/model"), "does not exist on this machine, in", "an absolute path");
    refused(Files.createDirectories(folder.resolve("empty")), "holds no config.json");
  }

  @Test
  void anAdapterNamesItsModel() throws IOException {
    Files.writeString(
        folder.resolve("adapter_config.json"), "{\"base_model_name_or_path\": \"org/base\"}");
    refused(folder, "an adapter of org/base", "merge");
  }

  @Test
  void oneGgufFileInAFolderIsTheModelAndTwoAreNot() throws IOException {
    Path file = ModelFolder.resource("gguf/mistral-window.gguf");
    Files.copy(file, folder.resolve("a.gguf"));
    assertThat(ModelConfigReader.read(folder)).isEqualTo(ModelConfigReader.read(file));
    Files.copy(file, folder.resolve("b.gguf"));
    refused(
        folder, "several GGUF files", folder.resolve("a.gguf") + ", " + folder.resolve("b.gguf"));
  }

  @Test
  void anEntryOfTheHubsCacheIsTheSnapshotOfItsMainBranch() throws IOException {
    Path entry = folder.resolve("hub/models--org--some.name");
    copy(FIXTURE, entry.resolve("snapshots/aaa"));
    assertThat(ModelFiles.locate(entry)).isEqualTo(entry.resolve("snapshots/aaa"));
    copy("qwen2-bias", entry.resolve("snapshots/bbb"));
    refused(entry, "without refs/main", "2 snapshots");
    Files.createDirectories(entry.resolve("refs"));
    Files.writeString(entry.resolve("refs/main"), "bbb\n");
    Files.writeString(entry.resolve("refs/v1"), "aaa");
    assertThat(ModelFiles.locate(entry)).isEqualTo(entry.resolve("snapshots/bbb"));

    Path root = HubCache.root(Map.of("HF_HOME", folder.toString()));
    assertThat(find(root, "org/some.name")).contains(entry.resolve("snapshots/bbb"));
    assertThat(find(root, "org/some.name@v1")).contains(entry.resolve("snapshots/aaa"));
    assertThat(find(root, "org/some.name@aaa")).contains(entry.resolve("snapshots/aaa"));
    assertThat(find(root, "org/some.name@v2")).isEmpty();
    assertThat(find(root, "org/other")).isEmpty();
    Files.writeString(entry.resolve("refs/main"), "ccc");
    refused(entry, "without snapshot ccc (main)");
  }

  private static Optional<Path> find(Path root, String id) {
    return HubCache.find(root, HubCache.id(id).orElseThrow());
  }

  @Test
  void textFilesInOtherEncodingsAndPointersAreNamed() throws IOException {
    Path config = folder.resolve("config.json");
    Files.write(config, "{}".getBytes(StandardCharsets.UTF_16));
    refused(folder, "config.json is not UTF-8");
    Files.writeString(config, "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n");
    refused(folder, "Git LFS pointer", "git lfs pull");
  }

  @Test
  void aTokenizerMayLackFlagsAndBeginWithAMark() throws IOException {
    Path source = ModelFolder.resource("tokenizers/bpe/tokenizer.json");
    JsonObject json = JsonParser.parseString(Files.readString(source)).getAsJsonObject();
    JsonObject added = json.getAsJsonArray("added_tokens").get(0).getAsJsonObject();
    Path file = folder.resolve("tokenizer.json");
    Files.writeString(file, "\ufeff" + json);
    try (HfTokenizer tokenizer = HfTokenizer.open(folder)) {
      assertThat(tokenizer.specialTokens()).contains(added.get("content").getAsString());
    }
    added.remove("id");
    Files.writeString(file, json.toString());
    assertThatThrownBy(() -> HfTokenizer.open(folder))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("added_tokens.id is missing");
  }

  /** Offset of a tensor in a checkpoint of one file. */
  private static int offset(byte[] file, String name) {
    JsonObject header = header(file);
    int data = 8 + (int) ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
    return data + header.getAsJsonObject(name).getAsJsonArray("data_offsets").get(0).getAsInt();
  }

  private static JsonObject header(byte[] file) {
    int length = (int) ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
    return JsonParser.parseString(new String(file, 8, length, StandardCharsets.UTF_8))
        .getAsJsonObject();
  }

  private static EngineConfig config(Path model) {
    return EngineConfig.builder(model)
        .dtype(ComputeDType.FLOAT32)
        .maxModelLen(256)
        .maxNumBatchedTokens(128)
        .threads(1)
        .build();
  }

  private static Engine open(Path model) {
    return Engine.open(config(model), new ByteTokenizer(), step -> {});
  }

  @Test
  void weightsThatAreNotFiniteAreNamedBeforeAnyDocument() throws IOException {
    String name = "model.layers.2.mlp.down_proj.weight";
    Path model = copy(FIXTURE, folder.resolve("m"));
    byte[] file = Files.readAllBytes(model.resolve(WEIGHTS));
    ByteBuffer bytes = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putShort(offset(file, name) + 20, (short) 0x7f80); // infinity in bfloat16
    bytes.putShort(offset(file, name) + 40, (short) 0x7fc0); // NaN
    Files.write(model.resolve(WEIGHTS), file);
    assertThatThrownBy(() -> open(model))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("tensor " + name + " holds 2 values that are not finite");
  }

  private static QuestionRequest question(int... tokens) {
    return new QuestionRequest(tokens, new Dense(), false, SamplingParams.greedy(4, List.of()));
  }

  private static List<CompletableFuture<Completion>> ask(
      Engine engine, int[] document, QuestionRequest... questions) {
    return engine.submit(new DocumentRequest("d", document, List.of(questions)));
  }

  @Test
  void anIdBeyondTheEmbeddingAndAPromptThatComputesNaNAreRowsOfTheirOwn() throws IOException {
    String table = "model.embed_tokens.weight";
    Path model = copy(FIXTURE, folder.resolve("m"));
    byte[] file = Files.readAllBytes(model.resolve(WEIGHTS));
    int hidden = header(file).getAsJsonObject(table).getAsJsonArray("shape").get(1).getAsInt();
    int nanToken = 70;
    ByteBuffer.wrap(file)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putShort(offset(file, table) + nanToken * hidden * Short.BYTES, (short) 0x7fc0);
    Files.write(model.resolve(WEIGHTS), file);
    int[] document = {65, 66, 67};
    try (Engine engine = open(model)) {
      int beyond = engine.model().vocabSize();
      List<CompletableFuture<Completion>> rows =
          ask(engine, document, question(80), question(beyond), question(nanToken), question(81));
      assertCode(rows.get(1), ErrorCode.UNKNOWN_TOKEN);
      assertCode(rows.get(2), ErrorCode.NOT_A_NUMBER);
      assertThat(rows.get(0).join().tokens()).hasSize(4);
      assertThat(rows.get(3).join().tokens()).hasSize(4);
      assertCode(ask(engine, new int[] {65, beyond}, question(80)).get(0), ErrorCode.UNKNOWN_TOKEN);
      assertThat(ask(engine, document, question(80)).get(0).join().tokens())
          .isEqualTo(rows.get(0).join().tokens());
    }
  }

  private static void assertCode(CompletableFuture<Completion> row, ErrorCode code) {
    assertThatThrownBy(row::join)
        .cause()
        .isInstanceOfSatisfying(DocumentException.class, e -> assertThat(e.code()).isEqualTo(code));
  }

  /** The fixture is tied; a head beside it counts if it is another, and not if it is the same. */
  @Test
  void aStoredHeadThatIsNotTheTiedEmbeddingIsUsed() throws IOException {
    String table = "model.embed_tokens.weight";
    Path tied = ModelFolder.fixture(TIED);
    byte[] file = Files.readAllBytes(tied.resolve(WEIGHTS));
    JsonObject header = header(file);
    JsonObject entry = header.getAsJsonObject(table);
    int from = offset(file, table);
    int bytes =
        entry.getAsJsonArray("data_offsets").get(1).getAsInt()
            - entry.getAsJsonArray("data_offsets").get(0).getAsInt();
    byte[] head = Arrays.copyOfRange(file, from, from + bytes);
    Path same = withHead(file, head, "same");
    for (int i = 0; i < head.length; i += 2) { // the other sign
      head[i + 1] ^= (byte) 0x80;
    }
    Path other = withHead(file, head, "other");
    assertThat(tablesOf(tied)).isEqualTo(1);
    assertThat(tablesOf(same)).isEqualTo(1);
    assertThat(tablesOf(other)).isEqualTo(2);
    assertThat(answer(same)).isEqualTo(answer(tied)).isNotEqualTo(answer(other));
  }

  private Path withHead(byte[] file, byte[] head, String name) throws IOException {
    Path model = folder.resolve(name);
    Files.createDirectories(model);
    JsonObject config =
        JsonParser.parseString(Files.readString(ModelFolder.fixture(TIED).resolve("config.json")))
            .getAsJsonObject();
    config.addProperty("tie_word_embeddings", true);
    Files.writeString(model.resolve("config.json"), config.toString());
    JsonObject header = header(file);
    int oldStart = 8 + (int) ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
    int end = file.length - oldStart;
    JsonObject entry = header.getAsJsonObject("model.embed_tokens.weight").deepCopy();
    entry.add("data_offsets", JsonParser.parseString("[%d, %d]".formatted(end, end + head.length)));
    header.add("lm_head.weight", entry);
    byte[] json = header.toString().getBytes(StandardCharsets.UTF_8);
    ByteBuffer out =
        ByteBuffer.allocate(8 + json.length + end + head.length).order(ByteOrder.LITTLE_ENDIAN);
    out.putLong(json.length).put(json).put(file, oldStart, end).put(head);
    Files.write(model.resolve(WEIGHTS), out.array());
    return model;
  }

  /** Copies of the table that a loaded model keeps, from the bytes of its weights. */
  private static long tablesOf(Path model) {
    try (Engine engine = open(model)) {
      long table = 4L * engine.model().vocabSize() * engine.model().hiddenSize();
      long rest = engine.report().memory().weightBytes();
      try (Engine single = open(ModelFolder.fixture(TIED))) {
        return 1 + (rest - single.report().memory().weightBytes() + table / 2) / table;
      }
    }
  }

  private static List<Integer> answer(Path model) {
    try (Engine engine = open(model)) {
      return ask(engine, new int[] {65, 66, 67}, question(80)).get(0).join().tokens();
    }
  }

  /** Without a backend: from the headers alone. */
  @Test
  void shapesAreCheckedWithoutWeights() throws IOException {
    Path model = ModelFolder.fixture(FIXTURE);
    ModelWeights.check(model, ModelConfigReader.read(model));
    Path edited = copy(FIXTURE, folder.resolve("m"));
    JsonObject config =
        JsonParser.parseString(Files.readString(edited.resolve("config.json"))).getAsJsonObject();
    config.addProperty("intermediate_size", 177);
    Files.writeString(edited.resolve("config.json"), config.toString());
    assertThatThrownBy(() -> ModelWeights.check(edited, ModelConfigReader.read(edited)))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("gate_proj.weight is [176, 64]; config.json expects [177, 64]");
  }
}
