package dev.questspark.engine.reader;

/**
 * What the rows of one question attend to, layer by layer.
 *
 * @param byLayer (layers, tokens): the mean probability over the rows that they give each token
 *     before them, of the head that gives it most; all 0 in a layer that does not score
 */
public record LayerAttention(float[][] byLayer) {
  /** Layers that have read. */
  public int layers() {
    return byLayer.length;
  }

  /**
   * The most that any of the first layers gives each token.
   *
   * @param layers how many of them, at most {@link #layers()}
   * @param from the first token that is wanted
   */
  public float[] most(int layers, int from) {
    float[] most = new float[byLayer[0].length - from];
    for (int layer = 0; layer < layers; layer++) {
      for (int token = 0; token < most.length; token++) {
        most[token] = Math.max(most[token], byLayer[layer][from + token]);
      }
    }
    return most;
  }
}
