package dev.questspark.engine.checkpoint.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.ModelFolder;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class SafetensorsReaderTest {
  private static final String INDEX = "model.safetensors.index.json";

  @TempDir Path folder;
  private Path file;

  @BeforeEach
  void name() {
    file = folder.resolve("model.safetensors");
  }

  private static SafetensorsFile two() {
    return new SafetensorsFile().add("a", DType.F32, 3, 4).add("b", DType.BF16, 5);
  }

  @ParameterizedTest
  @EnumSource(value = DType.class, mode = EnumSource.Mode.EXCLUDE, names = "I8")
  void roundTrip(DType dtype) throws IOException {
    SafetensorsFile source =
        new SafetensorsFile().add("first", DType.BF16, 1).add("m", dtype, 3, 5).add("v", dtype, 7);
    source.header().add("__metadata__", JsonParser.parseString("{\"format\": \"pt\"}"));
    source.write(file);
    HostTensor matrix;
    HostTensor vector;
    try (SafetensorsReader reader = SafetensorsReader.open(folder)) {
      assertThat(reader.names()).containsExactlyInAnyOrder("first", "m", "v");
      matrix = reader.matrix("m", 3, 5);
      vector = reader.vector("v", 7);
      assertThat(reader.unread()).containsExactly("first");
    } // what was handed out stays readable
    assertThat(matrix.dtype()).isEqualTo(dtype);
    assertThat(vector.rows()).isEqualTo(1);
    for (int i = 0; i < 15; i++) {
      assertThat(matrix.get(i / 5, i % 5)).isEqualTo(SafetensorsFile.value(i));
    }
    for (int i = 0; i < 7; i++) {
      assertThat(vector.get(0, i)).isEqualTo(SafetensorsFile.value(i));
    }
  }

  @Test
  void pagesThatAreGivenBackAreReadAgain() throws IOException {
    int rows = 9_000; // some pages of the system's
    new SafetensorsFile().add("a", DType.F32, 3).add("m", DType.BF16, rows, 5).write(file);
    try (SafetensorsReader reader = SafetensorsReader.open(folder)) {
      HostTensor matrix = reader.matrix("m", rows, 5);
      for (int round = 0; round < 2; round++) {
        for (int i = 0; i < rows * 5; i++) {
          assertThat(matrix.get(i / 5, i % 5)).isEqualTo(SafetensorsFile.value(i));
        }
        matrix.giveBack();
        matrix.giveBack(round, rows / 2);
        matrix.giveBack(rows - 1, 1);
      }
    }
  }

  @Test
  void readsShardsThatTransformersWrote() throws IOException {
    Path fixture = ModelFolder.fixture("llama3-gqa");
    try (SafetensorsReader reader = SafetensorsReader.open(fixture)) {
      JsonObject index =
          JsonParser.parseString(Files.readString(fixture.resolve(INDEX))).getAsJsonObject();
      assertThat(reader.names()).isEqualTo(index.getAsJsonObject("weight_map").keySet());
      HostTensor table = reader.matrix("model.embed_tokens.weight", 320, 64);
      assertThat(table.dtype()).isEqualTo(DType.BF16);
      double squares = 0;
      for (int i = 0; i < 320 * 64; i++) {
        squares += table.get(i / 64, i % 64) * table.get(i / 64, i % 64);
      }
      // drawn from a normal distribution of deviation 0.12
      assertThat(Math.sqrt(squares / (320 * 64))).isBetween(0.117, 0.123);
    }
  }

  /** A sparse file: zeros but for a few rows, among them one that two mappings share. */
  @Test
  void readsATensorBeyondTwoGibibytes() throws IOException {
    int rows = 152_064;
    int cols = 8_500; // a GiB is no whole number of rows
    long rowBytes = 2L * cols;
    long bytes = rows * rowBytes;
    assertThat(bytes).isGreaterThan((24L << 30) / 10);
    String header =
        "{\"big\":{\"dtype\":\"BF16\",\"shape\":[%d,%d],\"data_offsets\":[0,%d]},"
                .formatted(rows, cols, bytes)
            + "\"end\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[%d,%d]}}"
                .formatted(bytes, bytes + 8);
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    long start = 8 + json.length;
    int shared = (int) ((1L << 30) / rowBytes);
    int[] written = {
      0, 77, shared - 1, shared, shared + 1, (int) ((2L << 30) / rowBytes), rows - 1
    };
    try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
      sparse.write(
          ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(json.length).array());
      sparse.write(json);
      for (int row : written) {
        sparse.seek(start + row * rowBytes);
        sparse.write(row(row, cols));
      }
      sparse.seek(start + bytes);
      ByteBuffer end = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
      sparse.write(end.putFloat(1.5f).putFloat(-2).array());
    }
    HostTensor big;
    try (SafetensorsReader reader = SafetensorsReader.open(folder)) {
      big = reader.matrix("big", rows, cols);
      assertThat(reader.vector("end", 2).get(0, 1)).isEqualTo(-2f);
    }
    for (int row : written) {
      assertThat(big.bytes(row, 1)).isEqualTo(ByteBuffer.wrap(row(row, cols)));
      big.giveBack(Math.max(0, row - 1), 2);
      assertThat(big.bytes(row, 1)).isEqualTo(ByteBuffer.wrap(row(row, cols)));
    }
    big.giveBack(0, rows);
    assertThat(big.view(shared, 1)).as("a row in two mappings is copied").isEmpty();
    assertThat(big.view(77, 3)).isPresent();
    ByteBuffer around = big.bytes(shared - 2, 5);
    assertThat(around.slice((int) rowBytes, (int) rowBytes))
        .isEqualTo(ByteBuffer.wrap(row(shared - 1, cols)));
    assertThat(around.slice((int) (4 * rowBytes), (int) rowBytes))
        .isEqualTo(ByteBuffer.allocate((int) rowBytes));
  }

  /** A row that can be told from every other. */
  private static byte[] row(int seed, int cols) {
    ByteBuffer bytes = ByteBuffer.allocate(2 * cols).order(ByteOrder.LITTLE_ENDIAN);
    new SplittableRandom(seed).ints(cols, 0, 0x7f00).forEach(bits -> bytes.putShort((short) bits));
    return bytes.array();
  }

  private void assertRefused(String... parts) {
    assertThatThrownBy(() -> SafetensorsReader.open(folder).close())
        .isInstanceOf(ConfigException.class)
        .satisfies(e -> assertThat(e.getMessage()).contains(parts));
  }

  @Test
  void refusesEveryTruncation() throws IOException {
    byte[] whole = two().bytes();
    for (int length = 0; length < whole.length; length++) {
      Files.write(file, Arrays.copyOf(whole, length));
      assertRefused("model.safetensors");
    }
    Files.write(file, Arrays.copyOf(whole, whole.length - 1));
    assertRefused("truncated", "end at byte " + whole.length, "has " + (whole.length - 1));
    Files.write(file, Arrays.copyOf(whole, whole.length + 1));
    assertRefused("bytes that no tensor owns");
  }

  @ParameterizedTest
  @ValueSource(longs = {-1, 0, 1, 1L << 40, Long.MAX_VALUE})
  void refusesAHeaderThatOverrunsTheFile(long length) throws IOException {
    byte[] bytes = two().bytes();
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(0, length);
    Files.write(file, bytes);
    assertRefused("header claims " + Long.toUnsignedString(length));
  }

  @Test
  void namesTheRemedyForAGitLfsPointer() throws IOException {
    Files.writeString(file, "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n");
    assertRefused("Git LFS pointer", "git lfs pull");
  }

  @Test
  void refusesAHeaderThatIsNoJson() throws IOException {
    byte[] bytes = two().bytes();
    bytes[9] = '}';
    Files.write(file, bytes);
    assertRefused("not valid JSON");
  }

  @Test
  void refusesOffsetsThatDoNotFitTheShape() throws IOException {
    SafetensorsFile source = two();
    source.entry("a").getAsJsonArray("shape").set(1, JsonParser.parseString("5"));
    source.write(file);
    assertRefused("tensor a spans 48 bytes", "[3, 5] F32 needs 60");
  }

  @Test
  void refusesOverlapAndHole() throws IOException {
    SafetensorsFile source = two();
    source.entry("b").add("data_offsets", offsets(40, 50));
    source.write(file);
    assertRefused("tensor b starts at byte", "overlaps a");
    source.entry("b").add("data_offsets", offsets(50, 60));
    source.write(file);
    assertRefused("tensor b starts at byte", "hole after a");
  }

  @Test
  void refusesOffsetsThatAreNone() throws IOException {
    for (String wrong :
        List.of(
            "[4]",
            "[8,4]",
            "[-1,47]",
            "[0.5,48]",
            "\"0\"",
            "[\"x\",48]",
            "[0,9223372036854775807]")) {
      SafetensorsFile source = two();
      source.entry("a").add("data_offsets", JsonParser.parseString(wrong));
      source.write(file);
      assertRefused("a.data_offsets is " + wrong);
    }
  }

  @Test
  void aDamagedHeaderIsReadOrRefusedButNeverABug() throws IOException {
    byte[] whole = two().bytes();
    SplittableRandom random = new SplittableRandom(5);
    int refused = 0;
    for (int run = 0; run < 3000; run++) {
      byte[] damaged = whole.clone();
      for (int flips = 1 + random.nextInt(3); flips > 0; flips--) {
        damaged[random.nextInt(whole.length - 58)] = (byte) (32 + random.nextInt(95));
      }
      Files.write(file, damaged);
      try (SafetensorsReader reader = SafetensorsReader.open(folder)) {
        for (String name : reader.names()) {
          reader.vector(name, 5);
        }
      } catch (ConfigException e) {
        refused++;
      }
    }
    assertThat(refused).isGreaterThan(2000);
  }

  private static JsonArray offsets(int begin, int end) {
    JsonArray offsets = new JsonArray();
    offsets.add(begin);
    offsets.add(end);
    return offsets;
  }

  @Test
  void refusesAMissingTensorAWrongShapeAndAnUnreadableType() throws IOException {
    SafetensorsFile source = two().add("c", DType.F32, 2);
    source.entry("c").addProperty("dtype", "I32");
    source.write(file);
    try (SafetensorsReader reader = SafetensorsReader.open(folder)) {
      assertThatThrownBy(() -> reader.vector("d", 3))
          .isInstanceOf(ConfigException.class)
          .hasMessageContaining("lacks tensor d, expected [3]");
      assertThatThrownBy(() -> reader.matrix("a", 4, 3))
          .isInstanceOf(ConfigException.class)
          .hasMessageContaining("tensor a is [3, 4]; config.json expects [4, 3]");
      assertThatThrownBy(() -> reader.vector("c", 2))
          .isInstanceOf(ConfigException.class)
          .hasMessageContaining("tensor c is I32; BF16, F16 and F32 are read");
    }
  }

  @Test
  void refusesAFolderWithoutCheckpoint() {
    assertRefused("neither model.safetensors nor " + INDEX);
  }

  private void writeIndex(String weightMap) throws IOException {
    Files.writeString(folder.resolve(INDEX), "{\"weight_map\": " + weightMap + "}");
  }

  @Test
  void refusesShardsThatDoNotMatchTheIndex() throws IOException {
    two().write(folder.resolve("one.safetensors"));
    writeIndex("{\"a\": \"one.safetensors\", \"b\": \"one.safetensors\"}");
    try (SafetensorsReader reader = SafetensorsReader.open(folder)) {
      assertThat(reader.names()).containsExactlyInAnyOrder("a", "b");
    }
    writeIndex("{\"a\": \"one.safetensors\", \"z\": \"two.safetensors\"}");
    assertRefused("two.safetensors is missing");
    writeIndex("{\"a\": \"one.safetensors\", \"z\": \"one.safetensors\"}");
    assertRefused("one.safetensors lacks tensor z");
    writeIndex("{\"a\": \"../one.safetensors\"}");
    assertRefused("weight_map.a is", "a file of the model folder");
    Files.writeString(folder.resolve(INDEX), "{}");
    assertRefused("weight_map is missing");
  }
}
