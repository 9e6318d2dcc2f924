package dev.questspark.engine.model.family;

/** Which channels of a head turn together in a checkpoint. */
public enum RotaryPairs {
  /** i with i + r / 2, for r rotated channels. */
  HALVES,
  /** 2i with 2i + 1. */
  NEIGHBOURS;

  /**
   * Where the channels of a head stand in the checkpoint, in the order that {@code
   * TensorOps.appendKv} rotates them: channel i with i + D / 2, the rotated pairs first. Queries
   * and keys are reordered alike, so that no product changes.
   *
   * @param headDim D
   * @param rotated r, even, at most D
   */
  public int[] order(int headDim, int rotated) {
    int[] order = new int[headDim];
    int half = headDim / 2;
    int turning = rotated / 2;
    for (int i = 0; i < half; i++) {
      if (i < turning) {
        order[i] = this == HALVES ? i : 2 * i;
        order[half + i] = this == HALVES ? turning + i : 2 * i + 1;
      } else { // at rest
        order[i] = rotated + i - turning;
        order[half + i] = half + i;
      }
    }
    return order;
  }
}
