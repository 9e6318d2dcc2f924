package dev.questspark.engine.ops.prefill;

/**
 * Tiles that attention leaves out: {@link #ROWS} rows from the segment's start and {@link #KEYS} of
 * the keys that they read, counted in reading order from where the first would stand if every key
 * were read. A tile is left out for a query head when the largest logit of each row in it lies
 * below the largest of the tiles before by more than -ln(threshold). Rows that see nothing of it do
 * not matter; the first tile that a row sees is read.
 *
 * @param threshold below 1; 0 leaves out nothing
 */
public record TileSkipping(double threshold) {
  /** Rows of a tile. */
  public static final int ROWS = 64;

  /** Keys of a tile. */
  public static final int KEYS = 64;

  /** Leaves out nothing. */
  public static final TileSkipping NONE = new TileSkipping(0);

  /** Whether anything may be left out. */
  public boolean any() {
    return threshold > 0;
  }

  /** What a tile's largest logits must be above those before by, a negative number. */
  public float margin() {
    return (float) Math.log(threshold);
  }
}
