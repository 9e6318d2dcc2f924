package dev.questspark.engine.ops;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/**
 * Some sequences in one layer, each in pages of its own with scattered ids.
 *
 * @param activations dtype of queries, keys and values as they come
 * @param cache dtype of keys and values as they are kept
 * @param lengths tokens of each sequence
 */
record DigestCase(
    DType activations,
    DType cache,
    int kvHeads,
    int group,
    int headDim,
    int pageSize,
    int window,
    int blockSize,
    int... lengths) {

  /** KV heads, group, head_dim, page size, window and digest block size in one array. */
  static DigestCase of(DType activations, DType cache, int[] shape, int... lengths) {
    return new DigestCase(
        activations, cache, shape[0], shape[1], shape[2], shape[3], shape[4], shape[5], lengths);
  }

  /** A used digest block: its id, page * B + block, and how many tokens are in it. */
  record Block(int id, int tokens) {}

  int blocksPerPage() {
    return pageSize / blockSize;
  }

  private int pagesFor(int tokens) {
    return (tokens + pageSize - 1) / pageSize;
  }

  /** Pages of the layer: two more than the sequences use. */
  int poolPages() {
    return IntStream.of(lengths).map(this::pagesFor).sum() + 2;
  }

  int longestBlocks() {
    return (IntStream.of(lengths).max().orElseThrow() + blockSize - 1) / blockSize;
  }

  private List<Integer> shuffledIds() {
    List<Integer> ids = new ArrayList<>();
    IntStream.range(0, poolPages()).forEach(ids::add);
    Collections.shuffle(ids, new Random(17));
    return ids;
  }

  /** Page ids of one sequence. */
  private List<Integer> table(int sequence) {
    int before = IntStream.of(lengths).limit(sequence).map(this::pagesFor).sum();
    return shuffledIds().subList(before, before + pagesFor(lengths[sequence]));
  }

  /** A page that no sequence owns. */
  int unusedPage() {
    return shuffledIds().get(poolPages() - 1);
  }

  /** The blocks of the first {@code filled} tokens of each sequence. */
  List<Block> blocks(int[] filled) {
    List<Block> blocks = new ArrayList<>();
    for (int s = 0; s < filled.length; s++) {
      for (int i = 0; i * blockSize < filled[s]; i++) {
        int id = table(s).get(i / blocksPerPage()) * blocksPerPage() + i % blocksPerPage();
        blocks.add(new Block(id, Math.min(blockSize, filled[s] - i * blockSize)));
      }
    }
    return blocks;
  }

  /** Rows [from[s], to[s]) of every sequence, a span each. */
  RaggedBatch rows(int[] from, int[] to) {
    List<Integer> positions = new ArrayList<>();
    List<Integer> table = new ArrayList<>();
    int[] spanRows = new int[to.length + 1];
    int[] spanPages = new int[to.length + 1];
    for (int s = 0; s < to.length; s++) {
      IntStream.range(from[s], to[s]).forEach(positions::add);
      table.addAll(table(s).subList(0, pagesFor(to[s])));
      spanRows[s + 1] = positions.size();
      spanPages[s + 1] = table.size();
    }
    return new RaggedBatch(
        new int[positions.size()],
        positions.stream().mapToInt(i -> i).toArray(),
        spanRows,
        spanPages,
        table.stream().mapToInt(i -> i).toArray(),
        new int[0]);
  }

  /** The last token of each sequence: row s is of span s. */
  RaggedBatch lastRows() {
    return rows(IntStream.of(lengths).map(n -> n - 1).toArray(), lengths);
  }

  @Override
  public String toString() {
    return activations
        + " to "
        + cache
        + ", "
        + kvHeads
        + " KV heads x "
        + group
        + ", D "
        + headDim
        + ", page "
        + pageSize
        + ", block "
        + blockSize
        + ", window "
        + window
        + ", tokens "
        + Arrays.toString(lengths);
  }
}
