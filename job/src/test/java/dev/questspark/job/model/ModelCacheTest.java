package dev.questspark.job.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.checkpoint.ModelFiles;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.family.ModelConfigReader;
import dev.questspark.job.cluster.TestProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Copies of remote models, made once per machine, never used when incomplete or damaged. */
@Tag("spark")
class ModelCacheTest {
  private static final Path DEMO = Path.of("..", "demo", "model").toAbsolutePath().normalize();
  private static final List<String> FILES =
      List.of(
          "config.json",
          "generation_config.json",
          "model.safetensors",
          "special_tokens_map.json",
          "tokenizer.json",
          "tokenizer_config.json");

  @TempDir Path folder;
  private Configuration hadoop;
  private Path cache;

  @BeforeEach
  void aFileSystemOfItsOwn() {
    hadoop = MirrorFileSystem.settings(folder.resolve("opened"));
    cache = folder.resolve("cache");
  }

  private Path fetch(Configuration settings, Path model) throws IOException {
    return new ModelCache(cache).fetch(RemoteModel.of("mirror://" + model, settings));
  }

  private List<String> opened() throws IOException {
    Path file = folder.resolve("opened");
    return Files.exists(file) ? Files.readAllLines(file).stream().sorted().toList() : List.of();
  }

  private static void assertSame(Path copy) throws IOException {
    for (String name : FILES) {
      assertThat(Files.mismatch(copy.resolve(name), DEMO.resolve(name))).as(name).isEqualTo(-1);
    }
  }

  /** A model folder that a test may change, with things in it that no engine reads. */
  private Path ownModel() throws IOException {
    Path model = Files.createDirectories(folder.resolve("own").resolve("model"));
    for (String name : FILES) {
      Files.copy(DEMO.resolve(name), model.resolve(name));
    }
    Files.writeString(model.resolve("pytorch_model.bin"), "the same weights again");
    Files.createDirectory(model.resolve("original"));
    return model;
  }

  @Test
  void aCopyIsMadeOnceAndReused() throws IOException {
    Path model = ownModel();
    Path copy = fetch(hadoop, model);
    assertSame(copy);
    assertThat(opened()).isEqualTo(FILES);
    try (Stream<Path> files = Files.list(copy)) {
      assertThat(files.map(file -> file.getFileName().toString()).sorted())
          .isEqualTo(Stream.concat(Stream.of("checksums"), FILES.stream()).sorted().toList());
    }
    assertThat(fetch(hadoop, model)).isEqualTo(copy);
    assertThat(opened()).as("nothing is read again").isEqualTo(FILES);

    Files.setLastModifiedTime(model.resolve("config.json"), FileTime.fromMillis(1));
    assertThat(fetch(hadoop, model)).as("replaced in place: another model").isNotEqualTo(copy);
    assertSame(copy);
  }

  @Test
  void aDamagedCopyIsMadeAgain() throws IOException {
    for (String damaged : List.of("model.safetensors", "config.json", "checksums")) {
      Path file = fetch(hadoop, DEMO).resolve(damaged);
      byte[] bytes = Files.readAllBytes(file);
      bytes[bytes.length / 2] ^= 1;
      Files.write(file, bytes);
      assertSame(fetch(hadoop, DEMO));
    }
    assertThat(opened()).hasSize(4 * FILES.size());
    Files.delete(fetch(hadoop, DEMO).resolve("tokenizer.json"));
    assertSame(fetch(hadoop, DEMO));
  }

  @Test
  void aCopyThatBrokeOffIsNeverUsed() throws IOException {
    Configuration breaking = MirrorFileSystem.cut(hadoop, 3_000_000);
    assertThatThrownBy(() -> fetch(breaking, DEMO)).hasMessageContaining("Connection reset");
    try (Stream<Path> left = Files.list(cache)) {
      assertThat(left.map(Path::toString))
          .hasSize(2)
          .allMatch(name -> name.endsWith(".lock") || name.endsWith(".partial"));
    }
    assertSame(fetch(hadoop, DEMO));
    assertThatThrownBy(
            () ->
                new ModelLocation("mirror://" + DEMO, folder.resolve("other").toString())
                    .folder(breaking))
        .isInstanceOf(ConfigException.class)
        .hasMessageContainingAll("mirror://" + DEMO, "model_cache", "Connection reset");
  }

  @Test
  void twoProcessesAndManyThreadsMakeOneCopy() throws Exception {
    List<TestProcess> racers = new ArrayList<>();
    try {
      for (int i = 0; i < 2; i++) {
        racers.add(
            TestProcess.start(
                Racer.class.getName(),
                List.of("-Xmx128m"),
                Map.of(),
                folder.resolve("racer-" + i + ".log"),
                "mirror://" + DEMO,
                cache.toString(),
                folder.resolve("opened").toString()));
      }
      for (TestProcess racer : racers) {
        assertThat(racer.await(Duration.ofMinutes(3))).as(racer::log).isZero();
      }
    } finally {
      racers.forEach(TestProcess::close);
    }
    assertThat(opened()).isEqualTo(FILES);
    assertSame(fetch(hadoop, DEMO));
    assertThat(opened()).isEqualTo(FILES);
  }

  /** One of the processes; eight tasks of it want the model at once. */
  public static final class Racer {
    private Racer() {}

    public static void main(String[] args) {
      Configuration hadoop = MirrorFileSystem.settings(Path.of(args[2]));
      IntStream.range(0, 8)
          .mapToObj(
              task ->
                  CompletableFuture.supplyAsync(
                      () -> new ModelLocation(args[0], args[1]).folder(hadoop)))
          .toList()
          .forEach(CompletableFuture::join);
    }
  }

  @Test
  void aPathIsItselfAndWhatIsNotThereIsSaid() {
    assertThat(new ModelLocation(DEMO.toString(), "x").folder(hadoop)).isEqualTo(DEMO);
    assertThat(new ModelLocation("file:" + DEMO, "x").folder(hadoop)).isEqualTo(DEMO);
    assertThat(new ModelLocation("file://" + DEMO, "x").folder(hadoop)).isEqualTo(DEMO);
    assertThatThrownBy(
            () -> new ModelLocation("mirror:///no/where", cache.toString()).folder(hadoop))
        .isInstanceOf(ConfigException.class)
        .hasMessageContainingAll("mirror:///no/where", "check --model");
    assertThatThrownBy(() -> new ModelLocation("nofs:///model", "x").folder(hadoop))
        .isInstanceOf(ConfigException.class)
        .hasMessageContainingAll("nofs", "spark.hadoop");
  }

  @Test
  void aGgufFileIsAModelWhereverItLies() throws IOException {
    Path gguf =
        Path.of("..", "engine/src/test/resources/gguf/mistral-window.gguf")
            .toAbsolutePath()
            .normalize();
    Path alone = Files.createDirectories(folder.resolve("alone"));
    Files.copy(gguf, alone.resolve("one.gguf"));
    for (Path given : List.of(alone, alone.resolve("one.gguf"))) {
      Path copy = fetch(hadoop, given);
      assertThat(ModelFiles.locate(copy)).isEqualTo(copy.resolve("one.gguf"));
      assertThat(Files.mismatch(copy.resolve("one.gguf"), gguf)).isEqualTo(-1);
      ModelLocation location = new ModelLocation("mirror://" + given, cache.toString());
      assertThat(ModelFolder.of(location, false, hadoop).weightBytes()).isEqualTo(Files.size(gguf));
      assertThat(ModelConfigReader.read(location.withoutWeights(hadoop)))
          .isEqualTo(ModelConfigReader.read(gguf));
    }
    Files.copy(gguf, alone.resolve("two.gguf"));
    refused(alone, "has several GGUF files; give one of them: one.gguf, two.gguf.");
  }

  private void refused(Path model, String sentence) {
    assertThatThrownBy(() -> fetch(hadoop, model))
        .isInstanceOf(ConfigException.class)
        .hasMessage("Model folder mirror://" + model + " " + sentence);
  }

  @Test
  void whatIsNoModelIsNotCopied() throws IOException {
    Path entry = Files.createDirectories(folder.resolve("models--org--name"));
    Files.createDirectories(entry.resolve("snapshots/abc"));
    refused(
        entry,
        "has neither config.json nor a GGUF file; it is an entry of a Hugging Face cache: give the"
            + " folder below its snapshots.");
    Files.writeString(folder.resolve("notes.json"), "{}");
    refused(folder, "has neither config.json nor a GGUF file; check --model.");
    Path model = ownModel();
    Files.writeString(model.resolve("consolidated.safetensors"), "the same weights again");
    assertSame(fetch(hadoop, model));
    assertThat(opened()).isEqualTo(FILES);
  }

  @Test
  void theFingerprintIsTheSameEverywhere() {
    ModelLocation remote = new ModelLocation("mirror://" + DEMO, cache.toString());
    ModelFolder driver = ModelFolder.of(remote, false, hadoop);
    driver.check("{}");
    assertThat(driver.path().resolve("model.safetensors")).doesNotExist();
    assertThat(driver.fingerprint())
        .isEqualTo(ModelFolder.of(remote, true, hadoop).fingerprint())
        .isEqualTo(
            ModelFolder.of(new ModelLocation(DEMO.toString(), "x"), true, hadoop).fingerprint());
  }

  @Test
  void aCacheThatOthersCanWriteIsRefused() throws IOException {
    fetch(hadoop, DEMO);
    assertThat(Files.getPosixFilePermissions(cache))
        .isEqualTo(PosixFilePermissions.fromString("rwx------"));
    for (String permissions : List.of("rwxrwxrwx", "rwxrwx---", "rwx----w-")) {
      Files.setPosixFilePermissions(cache, PosixFilePermissions.fromString(permissions));
      assertThatThrownBy(() -> fetch(hadoop, DEMO))
          .isInstanceOf(ConfigException.class)
          .hasMessageContainingAll(cache.toString(), permissions, "--model-cache");
    }
    Files.setPosixFilePermissions(cache, PosixFilePermissions.fromString("rwxr-xr-x"));
    assertSame(fetch(hadoop, DEMO));
  }

  @Test
  void aCacheOfAnotherUserIsRefused() throws IOException {
    Files.createDirectories(cache);
    Files.setPosixFilePermissions(cache, PosixFilePermissions.fromString("rwx------"));
    try {
      Files.setAttribute(cache, "unix:uid", 65_534);
    } catch (IOException notRoot) { // only root can give a folder away; others have root's
      cache = Path.of("/usr");
    }
    assertThatThrownBy(() -> fetch(hadoop, DEMO))
        .isInstanceOf(ConfigException.class)
        .hasMessageContainingAll(cache.toString(), "belongs to", "--model-cache");
  }

  @Test
  void aCopyWithOtherLengthsThanTheSourceIsMadeAgain() throws IOException {
    Path copy = fetch(hadoop, DEMO);
    // another model of the same name, whose list of checksums fits it
    byte[] shorter = "{}".getBytes(java.nio.charset.StandardCharsets.UTF_8);
    Files.write(copy.resolve("generation_config.json"), shorter);
    java.util.zip.CRC32C checksum = new java.util.zip.CRC32C();
    checksum.update(shorter);
    Files.write(
        copy.resolve("checksums"),
        Files.readAllLines(copy.resolve("checksums")).stream()
            .map(
                line ->
                    line.startsWith("generation_config.json ")
                        ? "generation_config.json 2 %08x".formatted(checksum.getValue())
                        : line)
            .toList());
    assertSame(fetch(hadoop, DEMO));
  }

  @Test
  void inAYarnContainerTheCacheOutlivesIt() {
    assertThat(ModelLocation.temporaryFolder(Map.of("CONTAINER_ID", "container_1_0001_01_000002")))
        .isEqualTo("/tmp");
    assertThat(ModelLocation.temporaryFolder(Map.of("CONTAINER_ID", "c", "TMPDIR", "/scratch")))
        .isEqualTo("/scratch");
    assertThat(ModelLocation.temporaryFolder(Map.of()))
        .isEqualTo(System.getProperty("java.io.tmpdir"));
  }
}
