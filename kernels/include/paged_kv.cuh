// The paged KV cache of one layer: the only place that turns (page, KV head, slot, channel) into an address.
//
//   keys, values   (page, kvHead, slot, headDim)   one KV head's share of a page is contiguous
//   digests        (page, block, kvHead, 2 * headDim)    [min | max] or [mean | std]
//   i8 digests     (page, block, kvHead, digestStride)   [min | max | exponents | unused], 1 byte each: element e of
//                  the 2 * headDim times 2^(exponent[e / 16] - 127); see page_digest.cuh
//
// A digest block is digestBlockSize consecutive tokens of a page, which it divides: a small page, of id
// page * blocksPerPage + block. A unit is what a page list's entry stands for: unit u is positions [u * unit, (u + 1) *
// unit) of the sequence. It divides the page too: a page, a digest block or a single token.
//
// Offsets are 64-bit: a long-document cache passes 2^31 bytes at once. The Java twin is engine.ops.KvGeometry.
#pragma once

#include "vec.cuh"

namespace quest {

constexpr size_t kNoKey = ~static_cast<size_t>(0);  // in place of a token offset: the row does not see it
constexpr int kScaleChannels = 16;  // of an i8 digest, with one exponent; divides headDim

/** Elements from one digest pair to the next; i8 pairs fill whole 16 bytes, so that all are loaded 16 at a time. */
template <typename Digest>
__device__ __forceinline__ int digestStride(int headDim) {
  return 2 * headDim;
}

template <>
__device__ __forceinline__ int digestStride<i8>(int headDim) {
  return ceilDiv(2 * headDim + 2 * headDim / kScaleChannels, 16) * 16;
}

struct PagedKv {
  int kvHeads;
  int headDim;
  int pageSize;

  /** First channel of the key (or value) in `slot` of `page`. */
  __device__ __forceinline__ size_t token(int page, int kvHead, int slot) const {
    return ((static_cast<size_t>(page) * kvHeads + kvHead) * pageSize + slot) * headDim;
  }

  /** First channel of the first vector of a digest block's pair; the second follows after headDim channels. */
  template <typename Digest>
  __device__ __forceinline__ size_t digest(int block, int kvHead) const {
    return (static_cast<size_t>(block) * kvHeads + kvHead) * digestStride<Digest>(headDim);
  }
};

/** The pages of one row's sequence, and what the row sees of it, in units of `unit` tokens. */
struct RowPages {
  const int* table;  // page id of logical page i
  int position;      // the row's own position; it sees positions firstVisible..position
  int firstVisible;
  int unit;
  int firstUnit;    // unit of firstVisible
  int currentUnit;  // unit of position

  /** Row `row` of the batch; window 0 means no sliding window. */
  static __device__ __forceinline__ RowPages of(int row, const int* positions, const int* rowSpan,
                                                const int* spanPages, const int* pageTable, int unit, int window) {
    RowPages pages;
    pages.table = pageTable + spanPages[rowSpan[row]];
    pages.position = positions[row];
    pages.firstVisible = window == 0 || pages.position < window ? 0 : pages.position - window + 1;
    pages.unit = unit;
    pages.firstUnit = pages.firstVisible / unit;
    pages.currentUnit = pages.position / unit;
    return pages;
  }

  /** Units that hold a visible position, the current one included. */
  __device__ __forceinline__ int visible() const { return currentUnit - firstUnit + 1; }
};

/**
 * The digest blocks of a row that are scored: those that hold a visible position and end before the current unit.
 */
struct ScoredBlocks {
  int from;
  int to;
  int perPage;

  static __device__ __forceinline__ ScoredBlocks of(const RowPages& row, int digestBlockSize, int blocksPerPage) {
    if (row.unit == digestBlockSize) {  // uniform over the grid; spares the divisions
      return {row.firstUnit, row.currentUnit, blocksPerPage};
    }
    return {row.firstVisible / digestBlockSize, row.currentUnit * row.unit / digestBlockSize, blocksPerPage};
  }

  /** Where a block's digests stand: its id among all blocks of the cache. */
  __device__ __forceinline__ unsigned id(const RowPages& row, int block) const {
    if (perPage == 1) {  // uniform over the grid
      return row.table[block];
    }
    const int page = block / perPage;
    return static_cast<unsigned>(row.table[page]) * perPage + (block - page * perPage);
  }
};

/** How many units a row may read, and which always: the rules of engine.ops.PageBudget. */
struct PageBudget {
  int units;
  int sinkTokens;
  int recentTokens;
  int minContextTokens;

  __device__ __forceinline__ bool readsAll(const RowPages& row) const {
    return row.visible() <= units || row.position + 1 < minContextTokens;
  }

  /** Unit after the last one that holds a sink token; not below the first visible unit. */
  __device__ __forceinline__ int sinkEnd(const RowPages& row) const {
    int end = ceilDiv(sinkTokens, row.unit);
    return end < row.firstUnit ? row.firstUnit : end;
  }

  /** First unit that holds one of the last recentTokens tokens; the current unit if there are none. */
  __device__ __forceinline__ int recentStart(const RowPages& row) const {
    if (recentTokens == 0) {
      return row.currentUnit;
    }
    int oldest = row.position - recentTokens + 1;
    int unit = oldest <= 0 ? 0 : oldest / row.unit;
    return unit < row.firstUnit ? row.firstUnit : unit;
  }
};

}  // namespace quest
