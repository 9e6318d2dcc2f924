package dev.questspark.engine.ops.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.backend.BackendOptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

class CpuBackendTest {

  /** Where a library is shipped, falling back to Java would go unnoticed but for its slowness. */
  @Test
  @EnabledIfSystemProperty(named = "os.arch", matches = "amd64")
  @EnabledIfSystemProperty(named = "os.name", matches = "Linux")
  void oneDnnIsWhatRuns() {
    try (CpuBackend backend = CpuBackend.open(new BackendOptions(2, DType.F32, true))) {
      assertThat(backend.describe())
          .startsWith("cpu, 2 threads, linear and prefill by oneDNN 3.")
          .contains(" f32, weights in bf16 where the checkpoint's are, attention by Vector API, ")
          .endsWith(" bits on f32 pages, batch invariant");
    }
  }

  @Test
  void theFallbackSaysSo() {
    try (CpuBackend backend = CpuBackend.inPlainJava(new BackendOptions(1, DType.BF16, false))) {
      assertThat(backend.describe())
          .isEqualTo(
              "cpu, 1 thread, linear and prefill by plain Java bf16, attention by plain Java on bf16 pages");
    }
  }

  @Test
  void refusesWhatItCannotDo() {
    assertThatThrownBy(() -> CpuBackend.open(new BackendOptions(1, DType.F16, true)))
        .hasMessageContaining("f16");
    assertThatThrownBy(() -> CpuBackend.open(new BackendOptions(0, DType.F32, true)))
        .hasMessageContaining("threads is 0");
    try (CpuBackend backend = CpuBackend.open(new BackendOptions(1, DType.F32, true))) {
      assertThatThrownBy(() -> backend.allocate(1 << 16, 1 << 15))
          .hasMessageContaining("2147483648 numbers")
          .hasMessageContaining("kv_cache_memory_bytes");
    }
  }
}
