package dev.questspark.engine.ops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.backend.BackendRequest;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.ops.backend.DeviceName;
import dev.questspark.engine.ops.backend.WeightDType;
import dev.questspark.engine.ops.cuda.CudaBackendProvider;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** A run loads the classes of its own backend and no other's. */
class BackendProviderTest {
  @Test
  void aRunOnTheCpuLoadsNothingOfTheGpuButItsProvider() throws Exception {
    List<String> loaded = classesLoadedBy("cpu");
    assertThat(loaded).contains("dev.questspark.engine.ops.cpu.CpuBackend");
    assertThat(loaded)
        .filteredOn(name -> name.contains("cuda"))
        .containsExactly("dev.questspark.engine.ops.cuda.CudaBackendProvider");
  }

  @Test
  void aNameAloneLoadsNoBackend() throws Exception {
    assertThat(classesLoadedBy("cuda"))
        .filteredOn(name -> name.matches(".*\\.ops\\.(cpu|cuda)\\..*|.*(jcuda|bytedeco).*"))
        .containsExactly(
            "dev.questspark.engine.ops.cpu.CpuBackendProvider",
            "dev.questspark.engine.ops.cuda.CudaBackendProvider");
  }

  /** In a JVM of its own, which prints every class that it loads. */
  private static List<String> classesLoadedBy(String device)
      throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xlog:class+load:stdout:none",
                "-Xmx256m",
                "--add-modules=jdk.incubator.vector",
                "-cp",
                System.getProperty("java.class.path"),
                Opening.class.getName(),
                device)
            .redirectErrorStream(true)
            .start();
    List<String> lines =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
            .lines()
            .collect(Collectors.toList());
    assertThat(process.waitFor()).as(String.join("\n", lines)).isZero();
    return lines.stream()
        .filter(line -> line.contains(" source: ") && !line.contains("$"))
        .map(line -> line.substring(0, line.indexOf(' ')))
        .toList();
  }

  /** Reads a device's name; opens it if it is the CPU. */
  static final class Opening {
    private Opening() {}

    public static void main(String[] arguments) {
      DeviceName device = DeviceName.parse(arguments[0]);
      if (device.equals(DeviceName.CPU)) {
        BackendRequest request =
            new BackendRequest(
                device, 1, ComputeDType.FLOAT32, Optional.empty(), WeightDType.AUTO, true, 1, 1);
        device.provider().open(request).close();
      }
    }
  }

  /** A grid's second dimension ends there; found at the first large step otherwise. */
  @Test
  void stepsThatNoGridHoldsAreRefusedBeforeAGpuIsLookedFor() {
    BackendRequest request =
        new BackendRequest(
            DeviceName.parse("cuda"),
            0,
            ComputeDType.AUTO,
            Optional.empty(),
            WeightDType.AUTO,
            true,
            65_536,
            1_000);
    assertThatThrownBy(() -> new CudaBackendProvider().open(request))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("65536 rows")
        .hasMessageContaining("lower max_num_batched_tokens");
  }
}
