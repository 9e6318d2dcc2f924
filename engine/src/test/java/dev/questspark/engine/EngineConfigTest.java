package dev.questspark.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.ops.backend.DeviceName;
import dev.questspark.engine.ops.backend.DigestDType;
import dev.questspark.engine.ops.backend.WeightDType;
import dev.questspark.engine.ops.digest.PageScores;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The configuration refuses what cannot be, before anything is opened. */
class EngineConfigTest {
  private static final Path MODEL = Path.of("model");

  @Test
  void aBuilderStartsFromTheDefaultsOrFromAnotherConfiguration() {
    assertThat(EngineConfig.builder(MODEL).build()).isEqualTo(EngineConfig.of(MODEL));
    EngineConfig other =
        EngineConfig.builder(MODEL)
            .device(DeviceName.parse("cuda:1"))
            .dtype(ComputeDType.BFLOAT16)
            .weightDType(WeightDType.INT8)
            .maxModelLen(1)
            .pageSize(2)
            .maxNumSeqs(3)
            .maxNumBatchedTokens(4)
            .kvCacheBytes(5)
            .memoryUtilization(0.25)
            .pageScores(Set.of(PageScores.MEANSTD))
            .digestDType(DigestDType.INT8)
            .threads(6)
            .batchInvariant(false)
            .overcommit(true)
            .build();
    assertThat(other.toBuilder().build()).isEqualTo(other);
    assertThat(other.toBuilder().threads(7).build()).isNotEqualTo(other);
    assertThat(other.device().ordinal()).hasValue(1);
    assertThat(other.maxModelLen()).isEqualTo(1);
    assertThat(other.pageSize()).isEqualTo(2);
    assertThat(other.maxNumSeqs()).isEqualTo(3);
    assertThat(other.maxNumBatchedTokens()).isEqualTo(4);
    assertThat(other.kvCacheBytes()).isEqualTo(5);
    assertThat(other.batchInvariant()).isFalse();
    assertThat(other.overcommit()).isTrue();
  }

  @Test
  void aNumberOutOfItsRangeIsRefused() {
    assertThatThrownBy(() -> EngineConfig.builder(MODEL).pageSize(0).build())
        .isInstanceOf(ConfigException.class)
        .hasMessage("page_size is 0; it must be 1 to 1024 tokens");
  }

  @ParameterizedTest
  @CsvSource({"cpu, cpu, -1", "cuda, cuda, -1", "cuda:0, cuda, 0", "cuda:12, cuda, 12"})
  void aDeviceIsABackendAndPerhapsAnOrdinal(String text, String backend, int ordinal) {
    DeviceName device = DeviceName.parse(text);
    assertThat(device.backend()).isEqualTo(backend);
    assertThat(device.provider().name()).isEqualTo(backend);
    assertThat(device.ordinal().orElse(-1)).isEqualTo(ordinal);
    assertThat(device).hasToString(text);
  }

  @ParameterizedTest
  @ValueSource(strings = {"gpu", "cpu:0", "cuda:", "cuda:x", "cuda:12345", "CUDA", ""})
  void anUnknownDeviceIsRefusedWithTheBackendsThatAreThere(String text) {
    assertThatThrownBy(() -> DeviceName.parse(text))
        .isInstanceOf(ConfigException.class)
        .hasMessage("backend '" + text + "' is unknown; known: cpu, cuda, cuda:N");
    assertThat(DeviceName.find(text)).isEmpty();
  }

  @Test
  void elementTypesAreWrittenInLowerCase() {
    assertThat(ComputeDType.parse("bfloat16")).isEqualTo(ComputeDType.BFLOAT16);
    assertThat(ComputeDType.FLOAT32).hasToString("float32");
    assertThat(WeightDType.parse("int8")).isEqualTo(WeightDType.INT8).hasToString("int8");
    assertThat(DigestDType.parse("auto")).isEqualTo(DigestDType.AUTO).hasToString("auto");
    assertThatThrownBy(() -> ComputeDType.parse("float16"))
        .isInstanceOf(ConfigException.class)
        .hasMessage("dtype 'float16' is unknown; known: auto, float32, bfloat16");
    assertThatThrownBy(() -> WeightDType.parse("int4"))
        .isInstanceOf(ConfigException.class)
        .hasMessage("weight_dtype 'int4' is unknown; known: auto, int8");
    assertThatThrownBy(() -> DigestDType.parse("fp8"))
        .isInstanceOf(ConfigException.class)
        .hasMessage("digest_dtype 'fp8' is unknown; known: auto, cache, int8");
  }
}
