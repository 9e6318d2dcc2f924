package dev.questspark.job.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.checkpoint.HubCache;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.cluster.TestProcess;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Downloads from a hub of this machine, into a cache as Hugging Face's tools have it. */
class HubModelTest {
  private static final String WEIGHTS = "model.safetensors";
  private static final byte[] LARGE = random(3 << 20);

  @TempDir Path folder;
  private final Map<String, String> environment = new HashMap<>();
  private HubServer server;

  private static byte[] random(int bytes) {
    byte[] content = new byte[bytes];
    new Random(bytes).nextBytes(content);
    return content;
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** A repository as most are: what an engine reads among what it does not. */
  private static Map<String, byte[]> repository() {
    Map<String, byte[]> files = new TreeMap<>();
    files.put("config.json", bytes("{\"architectures\": [\"LlamaForCausalLM\"]}"));
    files.put("tokenizer.json", bytes("{\"model\": {}}"));
    files.put("generation_config.json", bytes("{}"));
    files.put("chat_template.jinja", bytes("{{ messages }}"));
    files.put(WEIGHTS, LARGE);
    for (String other :
        List.of(
            "README.md",
            "pytorch_model.bin",
            "onnx/model.onnx",
            "original/consolidated.00.pth",
            "consolidated.safetensors",
            "training_args.json")) {
      files.put(other, bytes("of no use"));
    }
    return files;
  }

  private HubModel model(Map<String, byte[]> files, String name) throws IOException {
    server = new HubServer(files);
    environment.put("HF_ENDPOINT", server.endpoint() + "/");
    environment.put("HF_HOME", folder.toString());
    return model(name);
  }

  private HubModel model(String name) {
    return new HubModel(
        HubCache.id(name).orElseThrow(), HubSettings.of(environment), Duration.ofMillis(1));
  }

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
  }

  private Path entry() {
    return folder.resolve("hub/models--org--some-model");
  }

  private static void refused(HubModel model, String... parts) {
    assertThatThrownBy(model::folder)
        .isInstanceOf(ConfigException.class)
        .satisfies(
            e ->
                assertThat(e.getMessage())
                    .contains(parts)
                    .endsWith(".")
                    .doesNotContain("\n", HubServer.TOKEN));
  }

  @Test
  void whatAnEngineReadsComesIntoTheCacheOnceAndNothingElse() throws IOException {
    environment.put("HF_TOKEN", HubServer.TOKEN);
    HubModel model = model(repository(), HubServer.MODEL);
    Path snapshot = model.folder();

    assertThat(snapshot).isEqualTo(entry().resolve("snapshots").resolve(HubServer.COMMIT));
    assertThat(entry().resolve("refs/main")).hasContent(HubServer.COMMIT);
    try (Stream<Path> files = Files.list(snapshot)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder(
              "config.json",
              "tokenizer.json",
              "generation_config.json",
              "chat_template.jinja",
              WEIGHTS);
    }
    assertThat(Files.readSymbolicLink(snapshot.resolve(WEIGHTS)))
        .isEqualTo(Path.of("../../blobs", HubServer.sha256(LARGE)));
    assertThat(Files.readSymbolicLink(snapshot.resolve("config.json")))
        .isEqualTo(Path.of("../../blobs", HubServer.git(repository().get("config.json"))));
    assertThat(snapshot.resolve(WEIGHTS)).hasBinaryContent(LARGE);
    // the token is the hub's, and nobody else's
    assertThat(server.requests())
        .allSatisfy(
            line ->
                assertThat(line.endsWith(" Bearer " + HubServer.TOKEN))
                    .isEqualTo(line.startsWith("hub ")))
        .noneMatch(line -> line.contains("onnx") || line.contains("consolidated"));

    int requests = server.requests().size();
    assertThat(model(HubServer.MODEL).folder()).isEqualTo(snapshot);
    assertThat(model(HubServer.MODEL + "@" + HubServer.COMMIT).folder()).isEqualTo(snapshot);
    assertThat(model.withoutWeights()).contains(snapshot);
    assertThat(model.weights(snapshot))
        .containsExactly(new HubFile(WEIGHTS, HubServer.sha256(LARGE), LARGE.length));
    environment.put("HF_HUB_OFFLINE", "1");
    assertThat(model(HubServer.MODEL).folder()).isEqualTo(snapshot);
    assertThat(server.requests()).hasSize(requests);
    assertThat(model.pinned(snapshot)).isEqualTo(HubServer.MODEL + "@" + HubServer.COMMIT);
  }

  @Test
  void aClusterDriverTakesEverythingButTheWeights() throws IOException {
    HubModel model = model(repository(), HubServer.MODEL);
    Path snapshot = model.withoutWeights().orElseThrow();
    assertThat(snapshot.resolve("tokenizer.json")).exists();
    assertThat(snapshot.resolve(WEIGHTS)).doesNotExist();
    assertThat(model.isWhole(snapshot)).isFalse();
    List<HubFile> told = model.weights(snapshot);
    assertThat(model.folder()).isEqualTo(snapshot);
    assertThat(model.isWhole(snapshot)).isTrue();
    assertThat(model.weights(snapshot)).as("as the hub tells them").isEqualTo(told);
    assertThat(server.requestsFor("config.json")).as("not again").hasSizeLessThan(5);
  }

  @Test
  void aTagIsARefOfItsOwn() throws IOException {
    Path snapshot = model(repository(), HubServer.MODEL + "@" + HubServer.TAG).folder();
    assertThat(entry().resolve("refs").resolve(HubServer.TAG)).hasContent(HubServer.COMMIT);
    assertThat(entry().resolve("refs/main")).doesNotExist();
    assertThat(snapshot.getFileName()).hasToString(HubServer.COMMIT);
    refused(model(HubServer.MODEL + "@v2"), "has no revision v2", "branch, tag or commit");
  }

  @Test
  void aDownloadThatBreaksOffGoesOnWhereItWas() throws IOException {
    HubModel model = model(repository(), HubServer.MODEL);
    model.withoutWeights();
    server.brokenAfter = 1 << 20;
    server.brokenAnswers.set(2);
    assertThat(model.folder().resolve(WEIGHTS)).hasBinaryContent(LARGE);
    assertThat(server.requestsFor(WEIGHTS + "?signed"))
        .hasSize(3)
        .element(0)
        .asString()
        .doesNotContain("bytes=");
    assertThat(server.requestsFor(WEIGHTS + "?signed"))
        .element(1)
        .asString()
        .matches(".* bytes=[1-9]\\d*-");
    assertThat(incomplete()).isEmpty();
  }

  @Test
  void aProcessGoesOnWithWhatAnotherLeft() throws IOException {
    HubModel model = model(repository(), HubServer.MODEL);
    server.brokenAfter = 0;
    server.brokenAnswers.set(99);
    refused(model, "cannot be used", "run again", "HF_ENDPOINT");
    server.brokenAnswers.set(0);
    Path blob = entry().resolve("blobs").resolve(HubServer.sha256(LARGE));
    Path left = blob.resolveSibling(blob.getFileName() + ".incomplete");
    Files.write(left, Arrays.copyOf(LARGE, 1_000_000));
    assertThat(model.folder().resolve(WEIGHTS)).hasBinaryContent(LARGE);
    assertThat(
            server
                .requestsFor(WEIGHTS + "?signed")
                .get(server.requestsFor(WEIGHTS + "?signed").size() - 1))
        .endsWith(" bytes=1000000-");
  }

  @Test
  void aServerThatCannotSkipSendsAllAgain() throws IOException {
    HubModel model = model(repository(), HubServer.MODEL);
    server.ranges = false;
    server.brokenAfter = 1000;
    server.brokenAnswers.set(1);
    assertThat(model.folder().resolve(WEIGHTS)).hasBinaryContent(LARGE);
  }

  @Test
  void contentThatIsNotWhatTheHubSaysIsNotKept() throws IOException {
    HubModel model = model(repository(), HubServer.MODEL);
    model.withoutWeights();
    server.wrongAnswers.set(2);
    refused(model, WEIGHTS + " came twice with another content", HubServer.sha256(LARGE));
    assertThat(incomplete()).isEmpty();
    assertThat(entry().resolve("blobs").resolve(HubServer.sha256(LARGE))).doesNotExist();
    server.wrongAnswers.set(1);
    assertThat(model.folder().resolve(WEIGHTS)).hasBinaryContent(LARGE);
  }

  private List<Path> incomplete() throws IOException {
    try (Stream<Path> blobs = Files.list(entry().resolve("blobs"))) {
      return blobs.filter(file -> file.toString().endsWith(".incomplete")).toList();
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "401 | GatedRepo    | false | accepted its terms; accept them at | set HF_TOKEN to a token of that account",
        "403 | GatedRepo    | true  | accepted its terms | with the account of the token in use (HF_TOKEN)",
        "401 | RepoNotFound | false | answers 401: no such model, or one that needs a token | set HF_TOKEN",
        "401 |              | true  | or the token in use (HF_TOKEN) may not read it | check both",
        "403 |              | false | answers 403 | set HF_TOKEN",
        "404 | RepoNotFound | false | has no such model | no folder here has that name",
        "451 |              | false | answers 451 | check --model and HF_ENDPOINT",
        "503 |              | false | cannot be used (it answers 503) | run again",
      })
  void aRefusalNamesTheRemedy(int status, String code, boolean token, String what, String remedy)
      throws IOException {
    if (token) {
      environment.put("HF_TOKEN", HubServer.TOKEN);
    }
    HubModel model = model(repository(), HubServer.MODEL);
    server.refusal = status;
    server.refusalCode = code;
    server.refusesToken = true;
    refused(model, "model " + HubServer.MODEL, what, remedy);
  }

  @Test
  void aTokenMayBeInTheFileOfALogin() throws IOException {
    Files.writeString(folder.resolve("token"), HubServer.TOKEN + "\n");
    HubModel model = model(repository(), HubServer.MODEL);
    server.refusal = 401;
    assertThat(model.folder().resolve(WEIGHTS)).exists();
    assertThat(HubSettings.of(environment).toString()).doesNotContain(HubServer.TOKEN);
  }

  @Test
  void withoutANetworkTheCacheIsAllThereIs() throws IOException {
    HubModel online = model(repository(), HubServer.MODEL);
    environment.put("HF_HUB_OFFLINE", "True");
    HubModel offline = model(HubServer.MODEL);
    refused(
        offline, "is not complete in the Hugging Face cache " + folder, "HF_HUB_OFFLINE is set");
    assertThat(offline.withoutWeights()).isEmpty();
    assertThat(server.requests()).isEmpty();
    online.withoutWeights();
    assertThat(offline.withoutWeights()).as("enough for a driver").isPresent();
    refused(offline, "is not complete");
    server.close();
    refused(
        online,
        "cannot be used (ConnectException: ",
        "set HF_ENDPOINT to a mirror, or give a folder");
    environment.put("HF_ENDPOINT", "hub.example");
    assertThatThrownBy(() -> model(HubServer.MODEL))
        .hasMessage("HF_ENDPOINT is hub.example; it must be an http(s) URL.");
  }

  @Test
  void ofShardsThoseComeThatTheIndexNames() throws IOException {
    Map<String, byte[]> files = repository();
    files.remove(WEIGHTS);
    String[] shards = {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"};
    files.put(
        WEIGHTS + ".index.json",
        bytes(
            "{\"weight_map\": {\"a\": \"%s\", \"b\": \"%s\", \"c\": \"%s\"}}"
                .formatted(shards[0], shards[1], shards[0])));
    files.put(shards[0], random(1000));
    files.put(shards[1], random(2000));
    files.put("model-00003-of-00002.safetensors", random(10));
    Path snapshot = model(files, HubServer.MODEL).folder();
    assertThat(snapshot.resolve(shards[0])).hasBinaryContent(random(1000));
    assertThat(snapshot.resolve(shards[1])).hasBinaryContent(random(2000));
    assertThat(snapshot.resolve("model-00003-of-00002.safetensors")).doesNotExist();
    Files.delete(snapshot.resolve(shards[1]));
    assertThat(model(HubServer.MODEL).folder().resolve(shards[1])).exists();
    assertThat(server.requestsFor(shards[1] + "?signed")).as("its content was there").hasSize(1);
  }

  @Test
  void anIndexDoesNotLeadOutOfTheFolder() throws IOException {
    Map<String, byte[]> files = repository();
    files.remove(WEIGHTS);
    files.put(WEIGHTS + ".index.json", bytes("{\"weight_map\": {\"a\": \"../../x.safetensors\"}}"));
    refused(model(files, HubServer.MODEL), WEIGHTS + ".index.json on the hub is no index");
  }

  @Test
  void aRepositoryOfGgufFilesIsOneModelOrSeveral() throws IOException {
    Map<String, byte[]> files = new TreeMap<>(Map.of("a-Q8_0.gguf", random(100)));
    HubModel model = model(files, HubServer.MODEL);
    assertThat(model.folder().resolve("a-Q8_0.gguf")).hasBinaryContent(random(100));
    server.close();
    environment.put("HF_HUB_CACHE", folder.resolve("another").toString());
    files.put("a-Q4_K.gguf", random(50));
    refused(
        model(files, HubServer.MODEL),
        "several GGUF files",
        "hf download org/some-model a-Q4_K.gguf",
        "of a-Q4_K.gguf, a-Q8_0.gguf");
    server.close();
    refused(
        model(Map.of("config.json", bytes("{}"), "pytorch_model.bin", random(9)), HubServer.MODEL),
        "neither safetensors nor GGUF weights",
        "save_pretrained");
  }

  @Test
  void manyAskAtOnceAndOneDownloads() throws IOException {
    HubModel model = model(repository(), HubServer.MODEL);
    List<CompletableFuture<Path>> all =
        IntStream.range(0, 4)
            .mapToObj(i -> CompletableFuture.supplyAsync(() -> model(HubServer.MODEL).folder()))
            .toList();
    assertThat(all).extracting(CompletableFuture::join).containsOnly(model.folder());
    assertThat(server.requestsFor(WEIGHTS + "?signed")).hasSize(1);
  }

  /** Asks for a model, as an executor does. */
  public static final class Executor {
    private Executor() {}

    public static void main(String[] args) {
      System.out.println(HubModel.of(args[0], System.getenv()).orElseThrow().folder());
    }
  }

  @Test
  void theProcessesOfAMachineDownloadOnce() throws IOException {
    HubModel model = model(repository(), HubServer.MODEL);
    List<TestProcess> executors =
        Stream.of("a", "b")
            .map(
                name ->
                    TestProcess.start(
                        Executor.class.getName(),
                        List.of("-Xmx64m"),
                        environment,
                        folder.resolve(name + ".log"),
                        HubServer.MODEL))
            .toList();
    try {
      for (TestProcess executor : executors) {
        assertThat(executor.await(Duration.ofMinutes(2))).as(executor.log()).isZero();
        assertThat(executor.log()).contains(model.folder().toString());
      }
    } finally {
      executors.forEach(TestProcess::close);
    }
    assertThat(server.requestsFor(WEIGHTS + "?signed")).hasSize(1);
  }

  @Test
  void pathsAreNoNames() {
    for (String path :
        List.of(
            "./model",
            "../model",
            "/a/b",
            "model",
            "a/b/c",
            "a/b.gguf",
            "a/b.safetensors",
            "a/config.json",
            "hdfs://a/b",
            "a/..",
            "a/b@",
            "a/b@../c",
            "-a/b")) {
      assertThat(HubCache.id(path)).as(path).isEmpty();
    }
    assertThat(HubCache.id("Qwen/Qwen2.5-0.5B-Instruct@refs/pr/1"))
        .contains(new HubCache.Id("Qwen/Qwen2.5-0.5B-Instruct", "refs/pr/1"));
  }
}
