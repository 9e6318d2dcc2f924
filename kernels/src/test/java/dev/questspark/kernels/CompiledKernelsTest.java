package dev.questspark.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * What a real nvcc has made of the kernels: every one of them, for every architecture. The build
 * finds nvcc at {@code $NVCC}, under {@code $CUDA_HOME/bin} or on the PATH.
 */
@Tag("nvcc")
class CompiledKernelsTest {
  private static final Path OUTPUT = Path.of(System.getProperty("questspark.kernels.output"));
  private static final Path WORK = Path.of(System.getProperty("questspark.kernels.work"));
  private static final List<String> ARCHITECTURES = List.of("80", "86", "89", "90a", "100", "120");
  private static final Pattern ENTRY =
      Pattern.compile("Compiling entry function '(\\w+)' for 'sm_(\\w+)'");
  private static final Pattern PTX_ENTRY = Pattern.compile("(?m)^\\.visible \\.entry (\\w+)\\(");

  // The layout of a fatbin, as cuobjdump shows it: a header, then one entry per image.
  private static final int MAGIC = 0xba55ed50;
  private static final int ENTRY_SIZE_OF_HEADER = 4;
  private static final int ENTRY_SIZE_OF_IMAGE = 8;
  private static final int ENTRY_ARCHITECTURE = 28;
  private static final int PTX = 1;

  /** Symbols of {@code kernels.index}. */
  private static Set<String> declared;

  @BeforeAll
  static void nvccWasThere() throws IOException {
    assertThat(OUTPUT.resolve("built-without-nvcc.txt"))
        .as("this lane needs nvcc: set CUDA_HOME, for example to a CUDA toolkit from PyPI")
        .doesNotExist();
    declared = new TreeSet<>();
    for (String line : Files.readAllLines(OUTPUT.resolve("kernels.index"))) {
      declared.add(line.split("\\|")[1]);
    }
    assertThat(declared).contains("silu_mul_f32", "score_pages_bf16_f16", "top_pages");
  }

  @Test
  void everyKernelIsCompiledForEveryArchitecture() throws IOException {
    for (String architecture : ARCHITECTURES) {
      Set<String> compiled = new TreeSet<>();
      Matcher entry =
          ENTRY.matcher(Files.readString(WORK.resolve("sm_" + architecture + ".resources")));
      while (entry.find()) {
        assertThat(entry.group(2)).isEqualTo(architecture);
        compiled.add(entry.group(1));
      }
      assertThat(compiled).as("sm_" + architecture).isEqualTo(declared);
    }
  }

  @Test
  void everyKernelIsThereAsPtxForLaterGpus() throws IOException {
    Set<String> compiled = new TreeSet<>();
    Matcher entry = PTX_ENTRY.matcher(Files.readString(WORK.resolve("compute_80.ptx")));
    while (entry.find()) {
      compiled.add(entry.group(1));
    }
    assertThat(compiled).isEqualTo(declared);
  }

  @Test
  void theFatbinHoldsEveryImage() throws IOException {
    byte[] bytes = Files.readAllBytes(OUTPUT.resolve("kernels.fatbin"));
    ByteBuffer fatbin = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    assertThat(fatbin.getInt(0)).isEqualTo(MAGIC);
    int at = fatbin.getShort(6);
    int end = at + (int) fatbin.getLong(8);
    List<String> images = new ArrayList<>();
    while (at < end) {
      images.add(
          (fatbin.getShort(at) == PTX ? "compute_" : "sm_")
              + fatbin.getInt(at + ENTRY_ARCHITECTURE));
      at +=
          fatbin.getInt(at + ENTRY_SIZE_OF_HEADER) + (int) fatbin.getLong(at + ENTRY_SIZE_OF_IMAGE);
    }
    assertThat(images)
        .containsExactlyInAnyOrder(
            "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120", "compute_80");
    assertThat(new String(bytes, StandardCharsets.ISO_8859_1))
        .as("what a refusal of an old driver names")
        .contains("Cuda compilation tools, release ");
  }
}
