package dev.questspark.engine.model;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.ops.LinearWeight;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.backend.Backend;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/**
 * All weights of a model in backend memory. V vocabulary size, H hidden size. Closing frees them.
 */
public final class ModelWeights implements AutoCloseable {
  private final Tensor embedding;
  private final List<LayerWeights> layers;
  private final LayerWeights.Norm finalNorm;
  private final LinearWeight lmHead;
  private final Owned owned;

  ModelWeights(
      Tensor embedding,
      List<LayerWeights> layers,
      LayerWeights.Norm finalNorm,
      LinearWeight lmHead,
      Owned owned) {
    this.embedding = embedding;
    this.layers = List.copyOf(layers);
    this.finalNorm = finalNorm;
    this.lmHead = lmHead;
    this.owned = owned;
  }

  /**
   * Brings the checkpoint of a model folder to the backend. If that fails, whatever was already
   * allocated is freed.
   */
  public static ModelWeights load(Path folder, ModelConfig config, Backend backend) {
    return WeightLoader.load(folder, config, backend);
  }

  /**
   * Checks that a checkpoint has every tensor in the shape that the configuration expects, from its
   * headers alone.
   *
   * @throws ConfigException if not
   */
  public static void check(Path folder, ModelConfig config) {
    WeightLoader.check(folder, config);
  }

  /**
   * What to say of a model that computes NaN: which tensor holds values that are not finite. Reads
   * all weights.
   */
  public static ConfigException notFinite(Path folder, ModelConfig config) {
    return WeightLoader.notFinite(folder, config);
  }

  /** Embedding table, (V, H). */
  public Tensor embedding() {
    return embedding;
  }

  /** The layers, first to last. */
  List<LayerWeights> layers() {
    return layers;
  }

  /** Norm before the output projection. */
  LayerWeights.Norm finalNorm() {
    return finalNorm;
  }

  /** Output projection, (V, H): its own, or the embedding table packed once more when tied. */
  public LinearWeight lmHead() {
    return lmHead;
  }

  /** Bytes that the weights keep resident. */
  public long bytes() {
    return owned.bytes;
  }

  @Override
  public void close() {
    owned.close();
  }

  /** Everything allocated so far, freed in reverse order. */
  static final class Owned implements AutoCloseable {
    private final Deque<Runnable> releases = new ArrayDeque<>();
    private long bytes;

    Tensor add(Tensor tensor) {
      releases.push(tensor.buffer()::close);
      bytes = Math.addExact(bytes, tensor.buffer().bytes());
      return tensor;
    }

    LinearWeight add(LinearWeight weight) {
      releases.push(weight::close);
      bytes = Math.addExact(bytes, weight.bytes());
      return weight;
    }

    @Override
    public void close() {
      while (!releases.isEmpty()) {
        releases.pop().run();
      }
    }
  }
}
