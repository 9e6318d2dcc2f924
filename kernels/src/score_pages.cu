// score_pages: one score per (row, KV head, digest block) from the block's digest, in float: Quest's upper bound of q.k
// (arXiv 2406.10774, section 3.3) or mean + 3/4 deviation (after arXiv 2605.27740), reduced over the group's query heads.
//
//   scores (rows * Hkv, scoreStride)   entry (r * Hkv + h, block), the blocks that row fromRow + r sees and that end
//                                      before its current unit; logical block j is tokens [j * b, (j + 1) * b)
//   group softmax: scores (rows * Hq, scoreStride), not reduced, for softmax_scores to reduce
//   q (R, Hq * D)   digests (page, block, Hkv, 2 * D), i8: page_digest.cuh
//   counters (R, 3): [digest blocks scored, units attended, tokens attended]
//
// Digest blocks are small pages here, and are called pages below. Both scores are one dot product of 2 D channels with a
// folded query (page_digest.cuh), so per (row, KV head, page) it moves 2 D elements in, read once for all G query heads,
// and 4 bytes out (4 G for the softmax): 1/16 of K+V for blocks of 16 tokens, 1/8 for blocks of 8, half of that in 8 bits.
// A block's life is one chain of dependent loads (position, page table, digest), so bandwidth comes from the bytes that
// its resident neighbours have under way: a warp copies all its pages, 8 KB, to shared memory at once, and six blocks
// per SM keep up to 200 KB in flight. An H100 SM has some 160 instructions for each page of 512 bytes that memory brings
// it (80 in 8 bits), so the head dims of most models are compiled in: a copy then costs 4 instructions, not 48.
// bf16 queries meet bf16 and 8-bit digests on tensor cores (score_tile.cuh): eight heads cost what one does. Other
// types: a lane holds 32 channels of a folded query in registers over all pages.
// Grid: (ceil(pages / (4 P)), Hkv, rows) blocks of 128 threads, P = min(32, 8704 / B) pages per warp, a multiple of 4
// and at least 4, with B = bytes of a digest pair, an odd number of 16. Split over pages, so that batch 1 fills the chip.
// Dynamic shared memory: F * G + 4 * P * B bytes, F = 4 D + 16 on tensor cores, 8 D elsewhere.
#include "score_digests.cuh"

namespace quest {

/** The digest blocks of a row of live pages that are scored; none where it reads all. */
struct LiveUnits {
  RowPages row;
  ScoredBlocks scored;
  int from;
  int to;
  int head;

  static __device__ __forceinline__ LiveUnits of(const RowPages& row, const ScoredBlocks& scored,
                                                 const PageBudget& budget) {
    return {row, scored, scored.from, budget.readsAll(row) ? scored.from : scored.to, static_cast<int>(blockIdx.y)};
  }

  __device__ __forceinline__ unsigned id(int block) const { return scored.id(row, block); }
};

}  // namespace quest

#define SCORE_PAGES(act, Act, dtype, Digest, blocks)                                                          \
  extern "C" __global__ void __launch_bounds__(128, blocks) score_pages_##act##_##dtype(                      \
      float* __restrict__ scores, unsigned long long* __restrict__ counters, const Act* __restrict__ q,       \
      const Digest* __restrict__ digests, const int* __restrict__ positions, const int* __restrict__ rowSpan, \
      const int* __restrict__ spanPages, const int* __restrict__ pageTable, int fromRow, int kvHeads,         \
      int headDim, int unit, int digestBlockSize, int blocksPerPage, int group, int window, int scoreStride,  \
      int qStride, int score, int reduction, int budgetUnits, int sinkTokens, int recentTokens,               \
      int minContextTokens) {                                                                                 \
    const quest::RowPages row = quest::RowPages::of(fromRow + blockIdx.z, positions, rowSpan, spanPages,      \
                                                    pageTable, unit, window);                                 \
    const quest::ScoredBlocks scored = quest::ScoredBlocks::of(row, digestBlockSize, blocksPerPage);          \
    const quest::PageBudget budget = {budgetUnits, sinkTokens, recentTokens, minContextTokens};               \
    quest::scoreDigestsOf(quest::PagedKv{kvHeads, headDim, digestBlockSize}, q, digests, scores, counters,    \
                          quest::LiveUnits::of(row, scored, budget), group, fromRow, scoreStride, qStride, score, \
                          reduction);                                                                         \
  }

SCORE_PAGES(f32, float, f32, float, 5)
SCORE_PAGES(f32, float, bf16, bf16, 5)
SCORE_PAGES(f32, float, f16, f16, 5)
SCORE_PAGES(bf16, bf16, bf16, bf16, 6)
SCORE_PAGES(bf16, bf16, f16, f16, 5)
SCORE_PAGES(f32, float, i8, i8, 5)
SCORE_PAGES(bf16, bf16, i8, i8, 6)
