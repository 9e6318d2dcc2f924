package dev.questspark.engine.ops.cuda.driver;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Our declarations against the {@code .cu} files themselves, word by word: needs neither a GPU nor
 * a compiler.
 */
class CudaKernelsTest {
  private static Map<String, List<Kernel.Parameter>> sources;

  @BeforeAll
  static void readSources() throws IOException {
    sources = new TreeMap<>();
    try (Stream<Path> files = Files.list(Path.of("..", "kernels", "src"))) {
      files
          .filter(file -> file.toString().endsWith(".cu"))
          .forEach(file -> sources.putAll(KernelSource.signatures(read(file))));
    }
    assertThat(sources).containsKeys("silu_mul_f32", "score_pages_bf16_f16", "top_pages");
  }

  @Test
  void everyDeclarationIsWhatTheKernelTakes() {
    for (Kernel kernel : KernelFamily.all()) {
      assertThat(sources).containsKey(kernel.symbol());
      assertThat(kernel.parameters()).as(kernel.symbol()).isEqualTo(sources.get(kernel.symbol()));
    }
  }

  @Test
  void everyKernelOfTheSourcesIsDeclared() {
    List<String> declared = KernelFamily.all().stream().map(Kernel::symbol).toList();
    assertThat(declared).doesNotHaveDuplicates();
    assertThat(sources.keySet()).containsExactlyInAnyOrderElementsOf(declared);
  }

  @Test
  void aWrongTypeSwappedPointersOrAMissingSymbolDiffer() {
    List<Kernel.Parameter> declared = sources.get("silu_mul_f32");
    assertThat(
            Kernel.parameters(
                "float* out, const float* gateUp, int inner, int outStride, int gateUpStride"))
        .isEqualTo(declared);
    for (String mutation :
        List.of(
            "float* out, const float* gateUp, long long inner, int outStride, int gateUpStride",
            "const float* gateUp, float* out, int inner, int outStride, int gateUpStride",
            "float* out, float* gateUp, int inner, int outStride, int gateUpStride",
            "float* out, const bf16* gateUp, int inner, int outStride, int gateUpStride",
            "float* out, const float* gateUp, int inner, int gateUpStride, int outStride",
            "float* out, const float* gateUp, int inner, int outStride")) {
      assertThat(Kernel.parameters(mutation)).as(mutation).isNotEqualTo(declared);
    }
    assertThat(sources).doesNotContainKey("silu_mul_f64");
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
