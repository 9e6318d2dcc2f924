package dev.questspark.engine.ops.cpu.prefix;

import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cpu.attention.SoftCap;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.memory.Workers;
import dev.questspark.engine.ops.cpu.pages.CpuBatch;
import dev.questspark.engine.ops.cpu.pages.CpuPageList;
import dev.questspark.engine.ops.cpu.simd.ScalarMath;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import dev.questspark.engine.ops.prefix.PrefixGeometry;
import dev.questspark.engine.ops.prefix.PrefixRows;
import dev.questspark.engine.ops.prefix.PrefixTable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * attendPrefix. Rows of one document with equal lists are a tile, which brings each page once into
 * the first-level cache, as floats, for all of them. A task is one chunk of the list of a (tile, KV
 * head); chunks are then merged in order, behind the state that the row came with. Blocks and
 * chunks are counted in slots of the list, and no sum crosses rows, so the bits of a row depend on
 * the slots listed alone.
 */
final class CpuPrefixAttention {
  /** Slots of a chunk. */
  private static final int CHUNK = 1024;

  /** Slots that are read at a time. */
  private static final int BLOCK = 64;

  private final Workers workers;
  private final Scratch[] scratch;
  private float[] partial = new float[0]; // (states, D)
  private float[] max = new float[0]; // (states)
  private float[] sum = new float[0]; // (states)

  CpuPrefixAttention(Workers workers, SimdOps[] simd) {
    this.workers = workers;
    this.scratch = new Scratch[workers.threads()];
    Arrays.setAll(scratch, i -> new Scratch(simd[i]));
  }

  /** One worker's memory. */
  private static final class Scratch {
    final SimdOps simd;
    float[] keys = new float[0]; // (tiles, D, tile) of a block
    float[] values = new float[0]; // (BLOCK, D)
    float[] queries = new float[0]; // (rows, G, D) of a tile
    float[] weights = new float[0]; // (rows, G, BLOCK)

    Scratch(SimdOps simd) {
      this.simd = simd;
    }

    void grow(int queryHeads, int headDim) {
      if (keys.length < BLOCK * headDim) {
        keys = new float[BLOCK * headDim];
        values = new float[BLOCK * headDim];
      }
      if (queries.length < queryHeads * headDim || weights.length < queryHeads * BLOCK) {
        queries = new float[queryHeads * headDim];
        weights = new float[queryHeads * BLOCK];
      }
    }
  }

  /**
   * Rows that read the same of one KV head.
   *
   * @param rows of the batch
   * @param units entries of the list
   * @param firstState of the partial results: (chunks, rows, G)
   */
  private record Tile(int head, int[] rows, int units, int chunks, int firstTask, int firstState) {}

  /**
   * The arguments of one call of the op.
   *
   * @param list null for all of every row's prefix
   * @param unit tokens of an entry
   */
  private record Call(
      Tensor out,
      Tensor logSumExp,
      Tensor q,
      PrefixRows prefixes,
      CpuPrefixPages pages,
      int layer,
      CpuBatch batch,
      RowRange rows,
      CpuPageList list,
      int unit,
      int group,
      float scale,
      float cap) {

    int kvHeads() {
      return prefixes.tables().get(0).kvHeads();
    }

    int listOf(int row, int head) {
      return (row - rows.from()) * kvHeads() + head;
    }

    int units(int row, int head) {
      return list == null
          ? (prefixes.table(row).slots(layer, head) + unit - 1) / unit
          : list.count(listOf(row, head));
    }

    int entry(int row, int head, int i) {
      return list == null ? i : list.entries()[list.start(listOf(row, head)) + i];
    }

    boolean alike(int row, int other, int head) {
      if (prefixes.table(row) != prefixes.table(other)) {
        return false;
      }
      if (list == null) {
        return true;
      }
      int a = list.start(listOf(row, head));
      int b = list.start(listOf(other, head));
      int units = units(row, head);
      return units == units(other, head)
          && Arrays.equals(list.entries(), a, a + units, list.entries(), b, b + units);
    }

    int queryAt(int row, int head) {
      return HeapBuffer.at(q, row) + head * group * pages.headDim;
    }
  }

  void attendPrefix(
      Tensor out,
      Tensor logSumExp,
      Tensor q,
      PrefixRows prefixes,
      int layer,
      LoadedBatch loaded,
      RowRange rows,
      CpuPageList list,
      float scale,
      float cap) {
    CpuBatch batch = CpuBatch.of(loaded, rows);
    CpuPrefixPages pages = new CpuPrefixPages(prefixes.pages());
    int kvHeads = prefixes.tables().get(0).kvHeads();
    int group = q.cols() / pages.headDim / kvHeads;
    OpArguments.require("q", q, rows.to(), kvHeads * group * pages.headDim);
    OpArguments.require("out", out, rows.to(), q.cols());
    OpArguments.require("logSumExp", logSumExp, rows.to(), kvHeads * group);
    int unit = list == null ? pages.tile : list.unit();
    if (PrefixGeometry.SLOTS % unit != 0 || unit % pages.tile != 0) {
      throw new IllegalArgumentException(
          "units of " + unit + " slots in tiles of " + pages.tile + " of a prefix");
    }
    Call call =
        new Call(
            out, logSumExp, q, prefixes, pages, layer, batch, rows, list, unit, group, scale, cap);
    List<Tile> tiles = tiles(call);
    int[] tileOfTask = tasks(tiles);
    Tile last = tiles.get(tiles.size() - 1);
    int states = last.firstState + last.chunks * last.rows.length * group;
    grow(states, pages.headDim);
    workers.run(
        tileOfTask.length,
        2L * group * CHUNK * pages.headDim,
        (task, worker) -> attend(call, tiles.get(tileOfTask[task]), task, scratch[worker]));
    workers.run(tiles.size(), 8L * group * pages.headDim, (i, worker) -> merge(call, tiles.get(i)));
  }

  private void grow(int states, int headDim) {
    int floats = Math.multiplyExact(states, headDim);
    if (partial.length < floats) {
      partial = new float[floats];
    }
    if (max.length < states) {
      max = new float[states];
      sum = new float[states];
    }
  }

  private static List<Tile> tiles(Call call) {
    List<Tile> tiles = new ArrayList<>();
    int firstTask = 0;
    int firstState = 0;
    int rows = call.rows.count();
    for (int head = 0; head < call.kvHeads(); head++) {
      boolean[] taken = new boolean[rows];
      for (int i = 0; i < rows; i++) {
        if (taken[i]) {
          continue;
        }
        int[] alike = new int[rows - i];
        int count = 0;
        for (int j = i; j < rows; j++) {
          int row = call.rows.from() + j;
          if (!taken[j] && call.alike(call.rows.from() + i, row, head)) {
            taken[j] = true;
            alike[count++] = row;
          }
        }
        int units = call.units(alike[0], head);
        int perChunk = CHUNK / call.unit;
        int chunks = (units + perChunk - 1) / perChunk;
        tiles.add(
            new Tile(head, Arrays.copyOf(alike, count), units, chunks, firstTask, firstState));
        firstTask += chunks;
        firstState = Math.addExact(firstState, chunks * count * call.group);
      }
    }
    return tiles;
  }

  private static int[] tasks(List<Tile> tiles) {
    Tile last = tiles.get(tiles.size() - 1);
    int[] tileOfTask = new int[last.firstTask + last.chunks];
    for (int i = 0; i < tiles.size(); i++) {
      Tile tile = tiles.get(i);
      Arrays.fill(tileOfTask, tile.firstTask, tile.firstTask + tile.chunks, i);
    }
    return tileOfTask;
  }

  /** Folds one chunk into the states of a tile's query heads. */
  private void attend(Call call, Tile tile, int task, Scratch scratch) {
    int headDim = call.pages.headDim;
    int heads = tile.rows.length * call.group;
    scratch.grow(heads, headDim);
    int width = call.group * headDim;
    for (int i = 0; i < tile.rows.length; i++) {
      System.arraycopy(
          HeapBuffer.floats(call.q),
          call.queryAt(tile.rows[i], tile.head),
          scratch.queries,
          i * width,
          width);
    }
    int chunk = task - tile.firstTask;
    int state = tile.firstState + chunk * heads;
    Arrays.fill(partial, state * headDim, (state + heads) * headDim, 0f);
    Arrays.fill(max, state, state + heads, Float.NEGATIVE_INFINITY);
    Arrays.fill(sum, state, state + heads, 0f);
    int perChunk = CHUNK / call.unit;
    int perBlock = BLOCK / call.unit;
    int to = Math.min(tile.units, (chunk + 1) * perChunk);
    long tokens = 0;
    for (int at = chunk * perChunk; at < to; at += perBlock) {
      int slots = load(call, tile, at, Math.min(to, at + perBlock), scratch);
      fold(call, heads, slots, state, scratch);
      tokens += slots;
    }
    for (int row : tile.rows) {
      call.batch.countPrefix(row, to - chunk * perChunk, tokens);
    }
  }

  /** Brings entries [from, to) of a list into the scratch; returns how many slots they hold. */
  private static int load(Call call, Tile tile, int from, int to, Scratch scratch) {
    CpuPrefixPages pages = call.pages;
    int row = tile.rows[0];
    PrefixTable table = call.prefixes.table(row);
    int slots = table.slots(call.layer, tile.head);
    int loaded = 0;
    for (int i = from; i < to; i++) {
      int first = call.entry(row, tile.head, i) * call.unit;
      int count = Math.min(call.unit, slots - first);
      if (count <= 0) {
        throw new IllegalArgumentException(
            "slot " + first + " of a prefix of " + slots + " slots is listed for row " + row);
      }
      int page = table.page(call.layer, tile.head, first / PrefixGeometry.SLOTS);
      int inPage = first % PrefixGeometry.SLOTS;
      pages.readKeys(
          page,
          inPage / pages.tile,
          call.unit / pages.tile,
          scratch.keys,
          (i - from) * call.unit * pages.headDim,
          scratch.simd);
      pages.readValues(
          page,
          inPage,
          count,
          scratch.values,
          (i - from) * call.unit * pages.headDim,
          scratch.simd);
      loaded = (i - from) * call.unit + count;
    }
    return loaded;
  }

  private void fold(Call call, int heads, int slots, int state, Scratch scratch) {
    int headDim = call.pages.headDim;
    int tile = call.pages.tile;
    float[] weights = scratch.weights;
    scratch.simd.tileLogits(
        weights,
        0,
        BLOCK,
        scratch.queries,
        0,
        heads,
        scratch.keys,
        0,
        headDim,
        tile,
        (slots + tile - 1) / tile,
        call.scale);
    for (int h = 0; h < heads; h++) {
      int at = h * BLOCK;
      if (call.cap != 0) {
        SoftCap.apply(weights, at, slots, call.cap);
      }
      float largest = Math.max(max[state + h], scratch.simd.max(weights, at, slots));
      if (largest > max[state + h]) {
        float shrink = ScalarMath.exp(max[state + h] - largest);
        ScalarMath.scale(partial, (state + h) * headDim, shrink, headDim);
        sum[state + h] *= shrink;
        max[state + h] = largest;
      }
      sum[state + h] += scratch.simd.exponentiate(weights, at, slots, largest);
    }
    scratch.simd.addValues(
        partial, state * headDim, heads, headDim, weights, 0, BLOCK, scratch.values, 0, 0, slots);
  }

  /** Adds a tile's chunks to the states that its rows came with. */
  private void merge(Call call, Tile tile) {
    int headDim = call.pages.headDim;
    int heads = tile.rows.length * call.group;
    if (tile.chunks == 0) {
      return;
    }
    float[] outs = HeapBuffer.floats(call.out);
    float[] sums = HeapBuffer.floats(call.logSumExp);
    for (int h = 0; h < heads; h++) {
      int row = tile.rows[h / call.group];
      int queryHead = tile.head * call.group + h % call.group;
      int target = HeapBuffer.at(call.out, row) + queryHead * headDim;
      int at = HeapBuffer.at(call.logSumExp, row) + queryHead;
      float largest = sums[at];
      for (int chunk = 0; chunk < tile.chunks; chunk++) {
        largest = Math.max(largest, max[tile.firstState + chunk * heads + h]);
      }
      float total = ScalarMath.exp(sums[at] - largest); // the state before, whose sum is 1
      ScalarMath.scale(outs, target, total, headDim);
      for (int chunk = 0; chunk < tile.chunks; chunk++) {
        int state = tile.firstState + chunk * heads + h;
        float factor = ScalarMath.exp(max[state] - largest);
        total = Math.fma(factor, sum[state], total);
        ScalarMath.axpy(outs, target, factor, partial, state * headDim, headDim);
      }
      ScalarMath.scale(outs, target, 1 / total, headDim);
      sums[at] = (float) (largest + Math.log(total));
    }
  }
}
