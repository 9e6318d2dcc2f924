// score_prefix: one score per (row, KV head, tile of its prefix) from the tile's digest, as score_pages scores digest blocks of
// live pages.
//
//   scores (rows * Hkv, scoreStride)   entry (r * Hkv + h, tile); group softmax: (rows * Hq, scoreStride), not
//                                      reduced, for softmax_prefix to reduce
//   q (R, Hq * D)   digests (page, tile, 2 * D), i8: page_digest.cuh   tables, rowTables: prefix_pages.cuh
//   counters (R, 3): [digests scored, -, -]
//
// A (row, KV head) whose budget lets it read its prefix whole is not scored.
// Grid: (ceil(tiles / (4 P)), Hkv, rows) blocks of 128 threads; P and dynamic shared memory as score_pages.
#include "prefix_pages.cuh"
#include "score_digests.cuh"

namespace quest {

/** The tiles of a prefix that are scored; none where it is read whole. */
struct PrefixUnits {
  PrefixList prefix;
  int tile;
  int from;
  int to;
  int head;  // a page of the store has one

  static __device__ __forceinline__ PrefixUnits of(const PrefixList& prefix, const PrefixRead& read, int tile) {
    return {prefix, tile, 0, read.readsAll() ? 0 : ceilDiv(prefix.slots, tile), 0};
  }

  __device__ __forceinline__ unsigned id(int unit) const {
    const int slot = unit * tile;
    return static_cast<unsigned>(prefix.page(slot)) * (kPrefixSlots / tile) + slot % kPrefixSlots / tile;
  }
};

}  // namespace quest

#define SCORE_PREFIX(act, Act, dtype, Digest, blocks)                                                             \
  extern "C" __global__ void __launch_bounds__(128, blocks) score_prefix_##act##_##dtype(                         \
      float* __restrict__ scores, unsigned long long* __restrict__ counters, const Act* __restrict__ q,           \
      const Digest* __restrict__ digests, const int* __restrict__ tables, const int* __restrict__ rowTables,      \
      const int* __restrict__ positions, int fromRow, int firstList, int lists, int headDim, int unit, int tile,  \
      int group, int scoreStride, int qStride, int score, int reduction, int budgetUnits, int sinkTokens,         \
      int recentTokens, int minContextTokens) {                                                                   \
    const int row = fromRow + blockIdx.z;                                                                         \
    const quest::PrefixList prefix =                                                                              \
        quest::PrefixList::of(tables, rowTables, row, lists, firstList + static_cast<int>(blockIdx.y));           \
    const quest::PrefixRead read = quest::PrefixRead::of(prefix, positions[row], unit, budgetUnits, sinkTokens,   \
                                                         recentTokens, minContextTokens);                         \
    quest::scoreDigestsOf(quest::PagedKv{1, headDim, tile}, q, digests, scores, counters,                         \
                          quest::PrefixUnits::of(prefix, read, tile), group, fromRow, scoreStride, qStride,       \
                          score, reduction);                                                                      \
  }

SCORE_PREFIX(f32, float, f32, float, 5)
SCORE_PREFIX(f32, float, bf16, bf16, 5)
SCORE_PREFIX(f32, float, f16, f16, 5)
SCORE_PREFIX(bf16, bf16, bf16, bf16, 6)
SCORE_PREFIX(bf16, bf16, f16, f16, 5)
SCORE_PREFIX(f32, float, i8, i8, 5)
SCORE_PREFIX(bf16, bf16, i8, i8, 6)
