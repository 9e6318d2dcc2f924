// What the forms of attend_prefill share: a span's rows, where its keys stand, the block of keys that a tile reads.
#pragma once

#include "paged_kv.cuh"
#include "reduce.cuh"

namespace quest {

constexpr int kKeyBlock = 64;

struct CausalKeys;
struct KeyBlocks;

/** What a span's blocks read: its rows and its sequence's pages. */
struct PrefillSpan {
  static constexpr bool kListed = false;
  static constexpr bool kSkips = false;
  using Keys = CausalKeys;
  using Blocks = KeyBlocks;

  int firstRow;
  int rows;
  int firstPosition;  // of the first row
  const int* table;
  int window;

  static __device__ __forceinline__ PrefillSpan of(int span, const int* positions, const int* spanRows,
                                                   const int* spanPages, const int* pageTable, int window) {
    const int firstRow = spanRows[span];
    const int rows = spanRows[span + 1] - firstRow;
    return {firstRow, rows, rows > 0 ? positions[firstRow] : 0, pageTable + spanPages[span], window};
  }

  __device__ __forceinline__ int firstVisible(int position) const {
    return window == 0 || position < window ? 0 : position - window + 1;
  }

  /** The keys of a tile whose first row stands at `position`. */
  __device__ __forceinline__ CausalKeys keys(const PagedKv& kv, int kvHead, int position) const;

  __device__ __forceinline__ void leave(size_t, int, int, float) const {}
};

/** The keys of one row, by position. */
struct CausalKeys {
  const int* table;
  PagedKv kv;
  int kvHead;
  int firstVisible;

  __device__ __forceinline__ size_t offsetOf(int position) const {
    return position < firstVisible ? kNoKey
                                   : kv.token(table[position / kv.pageSize], kvHead, position % kv.pageSize);
  }
};

__device__ __forceinline__ CausalKeys PrefillSpan::keys(const PagedKv& kv, int kvHead, int position) const {
  return {table, kv, kvHead, firstVisible(position)};
}

/**
 * Where a key block's keys stand, looked up once for both copies: a lane holds those of keys lane and lane + 32, as
 * token * kvHeads numbers (32 bits are enough for 2^31 of them), or -1 for a key that no row of the tile sees.
 */
struct KeyBlock {
  int token[2];
};

/** The key blocks that a tile reads, one after the other. After the first, no place is worked out by a division. */
struct KeyBlocks {
  CausalKeys source;
  int end;       // position after the last that a row of the tile sees
  int position;  // of the lane's first key of the next block
  int page[2];
  int slot[2];
  int pages;  // a block is so many pages and slots long
  int slots;

  static __device__ __forceinline__ KeyBlocks of(const CausalKeys& source, int base, int end) {
    const int pageSize = source.kv.pageSize;
    KeyBlocks blocks = {source, end, base + static_cast<int>(threadIdx.x) % kWarp, {}, {}, kKeyBlock / pageSize,
                        kKeyBlock % pageSize};
#pragma unroll
    for (int i = 0; i < 2; i++) {
      blocks.page[i] = (blocks.position + i * kWarp) / pageSize;
      blocks.slot[i] = (blocks.position + i * kWarp) % pageSize;
    }
    return blocks;
  }

  __device__ __forceinline__ KeyBlock next() {
    const int pageSize = source.kv.pageSize;
    KeyBlock block;
#pragma unroll
    for (int i = 0; i < 2; i++) {
      const int at = position + i * kWarp;
      block.token[i] = -1;
      if (at >= source.firstVisible && at < end) {
        block.token[i] = (source.table[page[i]] * source.kv.kvHeads + source.kvHead) * pageSize + slot[i];
      }
      page[i] += pages;
      slot[i] += slots;
      if (slot[i] >= pageSize) {
        slot[i] -= pageSize;
        page[i]++;
      }
    }
    position += kKeyBlock;
    return block;
  }
};

}  // namespace quest
