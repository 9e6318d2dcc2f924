package dev.questspark.engine.checkpoint.quantised;

import dev.questspark.engine.checkpoint.files.JsonFields;
import dev.questspark.engine.checkpoint.quantised.QuantizedCheckpoint.LayerTensors;
import dev.questspark.engine.checkpoint.safetensors.StoredTensor;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * bitsandbytes: four bits per number (QLoRA, arXiv 2305.14314, section 3), two to a byte, the first
 * in the upper half, looked up in {@code quant_map} and multiplied with the largest magnitude of
 * their block of consecutive elements; those magnitudes may be quantised once more. Or integers of
 * 8 bits with {@code SCB}, the largest magnitude of each row.
 */
final class BitsAndBytesRows extends WidenedRows {
  /** Of 127, in float; the library multiplies with it. */
  private static final float PER_LARGEST_INT8 = 1 / 127f;

  private static final List<String> STATES =
      List.of(".weight.quant_state.bitsandbytes__nf4", ".weight.quant_state.bitsandbytes__fp4");

  private final StoredTensor numbers;

  /** What the numbers stand for; null of integers. */
  private final Scales map;

  private final Scales largest;
  private final int blockElements;

  private BitsAndBytesRows(
      StoredTensor numbers, Scales map, Scales largest, int blockElements, int cols) {
    super(numbers, cols);
    this.numbers = numbers;
    this.map = map;
    this.largest = largest;
    this.blockElements = blockElements;
  }

  static BitsAndBytesRows of(LayerTensors tensors, int rows, int cols) {
    if (tensors.has(".SCB")) {
      StoredTensor numbers = tensors.get(".weight").of("I8").shaped(rows, cols);
      Scales largest = new Scales(tensors.get(".SCB").of("F32").shaped(rows));
      if (tensors.has(".weight_format")) {
        tensors.get(".weight_format"); // how a GPU would like it; stored row by row all the same
      }
      return new BitsAndBytesRows(numbers, null, largest, cols, cols);
    }
    StoredTensor numbers = tensors.get(".weight").of("U8");
    String suffix =
        STATES.stream()
            .filter(tensors::has)
            .findFirst()
            .orElseThrow(() -> numbers.wrong("has neither SCB nor a quant_state beside it"));
    StoredTensor stored = tensors.get(suffix);
    String text =
        StandardCharsets.UTF_8.decode(stored.region().bytes(0, stored.elements())).toString();
    JsonFields state = JsonFields.parse(stored.file(), text);
    if (!state.integers("shape").equals(List.of(rows, cols))
        || numbers.elements() != ((long) rows * cols + 1) / 2) {
      throw numbers.wrong(
          "has shape %s and %d bytes; the model expects [%d, %d]"
              .formatted(state.integers("shape"), numbers.elements(), rows, cols));
    }
    Scales map = new Scales(tensors.get(".weight.quant_map"));
    return new BitsAndBytesRows(
        numbers, map, largest(tensors, state), state.requireCount("blocksize"), cols);
  }

  private static Scales largest(LayerTensors tensors, JsonFields state) {
    StoredTensor stored = tensors.get(".weight.absmax").of("F32", "U8");
    if (stored.dtype().equals("F32")) {
      return new Scales(stored);
    }
    StoredTensor nestedMap = tensors.get(".weight.nested_quant_map");
    StoredTensor nestedLargest = tensors.get(".weight.nested_absmax");
    int nestedBlock = state.requireCount("nested_blocksize");
    float offset = (float) state.requireNumber("nested_offset");
    return new Scales(
        () -> {
          int[] numbers = stored.integers();
          float[] values = nestedMap.floats();
          float[] blocks = nestedLargest.floats();
          float[] floats = new float[numbers.length];
          for (int i = 0; i < floats.length; i++) {
            floats[i] = values[numbers[i]] * blocks[i / nestedBlock] + offset;
          }
          return floats;
        });
  }

  @Override
  void widen(int row, float[] target) {
    int cols = cols();
    float[] scale = largest.get();
    float[] values = map == null ? null : map.get();
    long first = (long) row * cols;
    for (int col = 0; col < cols; col++) {
      long element = first + col;
      if (values == null) {
        target[col] = numbers.region().get(element) * scale[row] * PER_LARGEST_INT8;
        continue;
      }
      int two = numbers.region().get(element / 2) & 0xff;
      int number = element % 2 == 0 ? two >> 4 : two & 0xf;
      target[col] = values[number] * scale[(int) (element / blockElements)];
    }
  }
}
