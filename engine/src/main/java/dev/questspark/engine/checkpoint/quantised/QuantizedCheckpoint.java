package dev.questspark.engine.checkpoint.quantised;

import dev.questspark.engine.checkpoint.files.Checkpoint;
import dev.questspark.engine.checkpoint.safetensors.SafetensorsReader;
import dev.questspark.engine.checkpoint.safetensors.StoredTensor;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import java.util.LinkedHashSet;
import java.util.Set;

/**
 * Quantised safetensors under the names and shapes of the model they were made from. What the file
 * stores in small numbers is widened to float while its rows are read, exactly: what is lost was
 * lost when the model was quantised.
 */
public final class QuantizedCheckpoint implements Checkpoint {
  private static final String WEIGHT = ".weight";

  private final SafetensorsReader stored;
  private final Quantization quantization;

  public QuantizedCheckpoint(SafetensorsReader stored, Quantization quantization) {
    this.stored = stored;
    this.quantization = quantization;
  }

  @Override
  public Set<String> names() {
    return stored.names();
  }

  /** Scales of activations and of a cache are for those who quantise them too. */
  @Override
  public Set<String> unread() {
    Set<String> unread = new LinkedHashSet<>(stored.unread());
    unread.removeIf(
        name ->
            name.endsWith("input_scale")
                || name.endsWith("output_scale")
                || name.endsWith("input_global_scale")
                || name.endsWith("k_scale")
                || name.endsWith("v_scale")
                || name.endsWith("activation_scale"));
    return unread;
  }

  @Override
  public HostTensor vector(String name, int length) {
    return stored.vector(name, length);
  }

  @Override
  public HostTensor matrix(String name, int rows, int cols) {
    if (stored.isPlain(name)) {
      return stored.matrix(name, rows, cols); // a layer that was left as it was
    }
    String layer =
        name.endsWith(WEIGHT) ? name.substring(0, name.length() - WEIGHT.length()) : name;
    WidenedRows widened =
        switch (quantization.method()) {
          case FP8, FBGEMM_FP8, COMPRESSED_TENSORS ->
              stored.names().contains(layer + ".weight_packed")
                  ? PackedRows.of(tensors(layer), rows, cols)
                  : ScaledRows.of(tensors(layer), quantization.settings(), rows, cols);
          case AWQ -> AwqRows.of(tensors(layer), rows, cols);
          case GPTQ -> GptqRows.of(tensors(layer), quantization.settings(), rows, cols);
          case BITSANDBYTES -> BitsAndBytesRows.of(tensors(layer), rows, cols);
          case MXFP4 -> Mxfp4Rows.of(tensors(layer), rows, cols);
        };
    return new HostTensor(name, DType.F32, rows, cols, widened);
  }

  private LayerTensors tensors(String layer) {
    return new LayerTensors(stored, layer);
  }

  /** The tensors that stand for one matrix. */
  record LayerTensors(SafetensorsReader stored, String layer) {
    boolean has(String suffix) {
      return stored.names().contains(layer + suffix);
    }

    StoredTensor get(String suffix) {
      return stored.stored(layer + suffix).orElseThrow(() -> stored.lacking(layer + suffix));
    }
  }

  @Override
  public String format() {
    return "quantised by "
        + quantization.method().published()
        + " ("
        + quantization.method().numbers()
        + "), widened exactly to float32; activations are not quantised";
  }

  @Override
  public void close() {
    stored.close();
  }
}
