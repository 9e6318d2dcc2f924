package dev.questspark.engine.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.questspark.engine.checkpoint.safetensors.SafetensorsReader;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.model.family.ModelConfigReader;
import dev.questspark.engine.model.family.QkNorm;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.ops.LinearWeight;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.cpu.CpuBackend;
import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ModelWeightsTest {
  private final CpuBackend cpu = CpuBackend.open(new BackendOptions(1, DType.F32, true));

  @TempDir Path folder;

  @AfterEach
  void close() {
    cpu.close();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"llama-mha", "llama3-gqa", "mistral-window", "qwen2-bias", "qwen3-qknorm"})
  void loadsEveryFamilyAndGivesEverythingBack(String fixture) {
    Path model = ModelFolder.fixture(fixture);
    ModelConfig config = ModelConfigReader.read(model);
    LedgerBackend backend = new LedgerBackend(cpu, allocation -> false);
    try (ModelWeights weights = ModelWeights.load(model, config, backend)) {
      assertThat(weights.layers()).hasSize(config.layers());
      assertShape(weights.embedding(), config.vocabSize(), config.hiddenSize());
      assertShape(weights.finalNorm().weight(), 1, config.hiddenSize());
      assertShape(weights.lmHead(), config.vocabSize(), config.hiddenSize());
      for (LayerWeights layer : weights.layers()) {
        int hidden = config.hiddenSize();
        assertShape(layer.norms().beforeAttention().orElseThrow().weight(), 1, hidden);
        assertShape(layer.qkv(), config.queryCols() + 2 * config.kvCols(), hidden);
        assertShape(layer.output(), hidden, config.queryCols());
        assertShape(layer.norms().beforeMlp().orElseThrow().weight(), 1, hidden);
        LayerWeights.Mlp mlp = (LayerWeights.Mlp) layer.feedForward();
        assertShape(mlp.up(), 2 * config.intermediateSize(), hidden);
        assertShape(mlp.down(), hidden, config.intermediateSize());
        assertThat(layer.qkNorm().isPresent()).isEqualTo(config.qkNorm() == QkNorm.HEAD);
        layer.qkNorm().ifPresent(norm -> assertShape(norm.query(), 1, config.headDim()));
      }
      int perLayer = config.qkNorm() == QkNorm.HEAD ? 8 : 6;
      int tables = config.tieWordEmbeddings() ? 1 : 2; // one copy of a tied one
      assertThat(backend.open()).isEqualTo(1 + tables + perLayer * config.layers());
      long floats = (long) tables * config.vocabSize() * config.hiddenSize();
      assertThat(weights.bytes()).isGreaterThan(floats * Float.BYTES);
    }
    assertThat(backend.open()).isZero();
  }

  private static void assertShape(Tensor tensor, int rows, int cols) {
    assertThat(tensor.rows()).isEqualTo(rows);
    assertThat(tensor.cols()).isEqualTo(cols);
  }

  private static void assertShape(LinearWeight weight, int out, int in) {
    assertThat(weight.outFeatures()).isEqualTo(out);
    assertThat(weight.inFeatures()).isEqualTo(in);
  }

  @Test
  void fusedProjectionsAreTheCheckpointsOnesBelowEachOther() {
    Path model = ModelFolder.fixture("qwen2-bias");
    ModelConfig config = ModelConfigReader.read(model);
    int hidden = config.hiddenSize();
    String attention = "model.layers.2.self_attn.";
    try (ModelWeights weights = ModelWeights.load(model, config, cpu);
        SafetensorsReader checkpoint = SafetensorsReader.open(model)) {
      // x is the first token's embedding, so that out = qkv . x + bias
      int[] none = {0, 1};
      LoadedBatch batch =
          cpu.load(new RaggedBatch(new int[] {5}, new int[1], none, none, new int[1], new int[1]));
      Tensor x = cpu.allocate(1, hidden);
      LinearWeight qkv = weights.layers().get(2).qkv();
      Tensor out = cpu.allocate(1, qkv.outFeatures());
      cpu.ops().embed(x, weights.embedding(), batch);
      cpu.ops().linear(out, x, qkv);
      float[] actual = new float[qkv.outFeatures()];
      cpu.read(out, 0, actual);

      HostTensor table = checkpoint.matrix("model.embed_tokens.weight", config.vocabSize(), hidden);
      int row = 0;
      for (String part : new String[] {"q_proj", "k_proj", "v_proj"}) {
        int features = part.equals("q_proj") ? config.queryCols() : config.kvCols();
        HostTensor weight = checkpoint.matrix(attention + part + ".weight", features, hidden);
        HostTensor bias = checkpoint.vector(attention + part + ".bias", features);
        for (int feature = 0; feature < features; feature++, row++) {
          double expected = bias.get(0, feature);
          for (int i = 0; i < hidden; i++) {
            expected += (double) weight.get(feature, i) * table.get(5, i);
          }
          assertThat((double) actual[row])
              .as("%s %d", part, feature)
              .isCloseTo(expected, within(1e-5));
        }
      }
      assertThat(row).isEqualTo(qkv.outFeatures());
    }
  }

  /** Also where the table is tied and read out of the output projection. */
  @ParameterizedTest
  @ValueSource(strings = {"qwen2-bias", "llama3-gqa", "qwen3-qknorm"})
  void embedsTheCheckpointsRows(String fixture) {
    Path model = ModelFolder.fixture(fixture);
    ModelConfig config = ModelConfigReader.read(model);
    int rows = config.vocabSize();
    int[] tokens = IntStream.range(0, rows).toArray();
    int[] none = {0, rows};
    try (ModelWeights weights = ModelWeights.load(model, config, cpu);
        SafetensorsReader checkpoint = SafetensorsReader.open(model)) {
      LoadedBatch batch =
          cpu.load(new RaggedBatch(tokens, tokens, none, new int[2], new int[0], new int[0]));
      Tensor x = cpu.allocate(rows, config.hiddenSize());
      cpu.ops().embed(x, weights.embedding(), batch);
      HostTensor table = checkpoint.matrix("model.embed_tokens.weight", rows, config.hiddenSize());
      float[] row = new float[config.hiddenSize()];
      for (int token = 0; token < rows; token++) {
        cpu.read(x, token, row);
        for (int i = 0; i < row.length; i++) {
          assertThat(row[i]).isEqualTo(table.get(token, i));
        }
      }
    }
  }

  @Test
  void givesEverythingBackWhereverLoadingFails() {
    Path model = ModelFolder.fixture("qwen3-qknorm");
    ModelConfig config = ModelConfigReader.read(model);
    LedgerBackend whole = new LedgerBackend(cpu, allocation -> false);
    ModelWeights.load(model, config, whole).close();
    for (int failing = 0; failing < whole.allocations(); failing++) {
      int refused = failing;
      LedgerBackend backend = new LedgerBackend(cpu, allocation -> allocation == refused);
      assertThatThrownBy(() -> ModelWeights.load(model, config, backend))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("allocation refused");
      assertThat(backend.open()).as("failing at %d", failing).isZero();
    }
  }

  @Test
  void refusesACheckpointThatIsNotTheConfigs() throws IOException {
    Path model = ModelFolder.fixture("llama-mha");
    ModelConfig wider =
        ModelConfigReader.read(
            ModelFolder.edited(folder, "llama-mha", c -> c.addProperty("intermediate_size", 177)));
    LedgerBackend backend = new LedgerBackend(cpu, allocation -> false);
    assertThatThrownBy(() -> ModelWeights.load(model, wider, backend))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("model.layers.0.mlp.gate_proj.weight is [176, 64]")
        .hasMessageContaining("expects [177, 64]");
    ModelConfig biased =
        ModelConfigReader.read(
            ModelFolder.edited(folder, "llama-mha", c -> c.addProperty("attention_bias", true)));
    assertThatThrownBy(() -> ModelWeights.load(model, biased, backend))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("lacks tensor model.layers.0.self_attn.q_proj.bias");
    assertThat(backend.open()).isZero();
  }
}
