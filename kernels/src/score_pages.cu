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
#include "async_copy.cuh"
#include "page_digest.cuh"
#include "reduce.cuh"
#include "score_tile.cuh"
#include "shared_memory.cuh"

namespace quest {

constexpr int kWarpDigestBytes = 8704;

/** Pages that a warp copies at once. Host twin: CudaTensorOps.scoredPerWarp. */
template <typename Digest>
__device__ __forceinline__ int pagesPerWarp(int headDim) {
  const int pairBytes = pairStride<Digest>(headDim) * static_cast<int>(sizeof(Digest));
  const int fitting = kWarpDigestBytes / pairBytes / kPagesAtOnce * kPagesAtOnce;
  return fitting < kPagesAtOnce ? kPagesAtOnce : fitting < kWarp ? fitting : kWarp;
}

/** Starts the copies of 16-byte chunks from..from + count - 1 of a warp's pages; lane p has the id of page p. */
template <typename Digest>
__device__ __forceinline__ void startChunks(Digest* tile, const char* ofHead, unsigned pageBytes, unsigned id,
                                            int headDim, int from, int count) {
  const int lane = threadIdx.x % kWarp;
  const int chunks = pagesPerWarp<Digest>(headDim) * count;
#pragma unroll
  for (int first = 0; first < chunks; first += kWarp) {  // uniform over the warp
    const int page = (first + lane) / count;
    const int chunk = from + first + lane - page * count;
    const unsigned pageId = __shfl_sync(kAllLanes, id, page % kWarp);
    if (first + lane < chunks) {
      copyAsync(tile + page * pairStride<Digest>(headDim) + chunk * kPack<Digest>,
                ofHead + static_cast<size_t>(pageId) * pageBytes + chunk * 16, true);
    }
  }
}

/**
 * Starts the copies of the digests of pages from..from + pages - 1 (at least one) to `tile` (page, pairStride). Where the
 * warp has fewer pages than it could, it copies the last one again: a condition would cost more instructions than a copy.
 */
template <typename Digest>
__device__ __forceinline__ void startDigests(Digest* tile, const Digest* digests, const RowPages& row,
                                             const ScoredBlocks& scored, const PagedKv& kv, int from, int pages) {
  const char* ofHead = reinterpret_cast<const char*>(digests + kv.digest<Digest>(0, blockIdx.y));
  const unsigned pageBytes = kv.kvHeads * digestStride<Digest>(kv.headDim) * sizeof(Digest);
  const unsigned id = scored.id(row, from + min(static_cast<int>(threadIdx.x) % kWarp, pages - 1));
  const int vectors = 2 * kv.headDim / kPack<Digest>;  // most often a power of two; what 8 bits have beyond it is one more
  const int all = digestStride<Digest>(kv.headDim) / kPack<Digest>;
  startChunks(tile, ofHead, pageBytes, id, kv.headDim, 0, vectors);
  if (all > vectors) {
    startChunks(tile, ofHead, pageBytes, id, kv.headDim, vectors, all - vectors);
  }
}

template <typename Act, typename Digest>
__device__ __forceinline__ void scorePages(const PagedKv& kv, const Act* q, const Digest* digests, float* scores,
                                           unsigned long long* counters, const RowPages& row,
                                           const ScoredBlocks& scored, const PageBudget& budget, int group,
                                           int fromRow, int scoreStride, int qStride, int score, int reduction) {
  QUEST_DYNAMIC_SHARED(shared);
  const int perWarp = pagesPerWarp<Digest>(kv.headDim);
  const int blockFrom = scored.from + blockIdx.x * kScoreWarps * perWarp;
  if (blockFrom >= scored.to || budget.readsAll(row)) {
    return;  // uniform over the block
  }
  using Folded = typename FoldedOf<Act, Digest>::Type;
  Folded* folded = reinterpret_cast<Folded*>(shared);
  const int warp = threadIdx.x / kWarp;
  const int from = blockFrom + warp * perWarp;
  const int pages = scored.to - from < perWarp ? scored.to - from : perWarp;  // may be none
  Digest* tile = reinterpret_cast<Digest*>(folded + group * foldedStride<Folded>(kv.headDim)) +
                 warp * perWarp * pairStride<Digest>(kv.headDim);
  if (pages > 0) {  // uniform over the warp
    startDigests(tile, digests, row, scored, kv, from, pages);
  }
  commitCopies();
  const int batchRow = fromRow + blockIdx.z;
  foldGroup(folded,
            q + static_cast<size_t>(batchRow) * qStride + static_cast<size_t>(blockIdx.y) * group * kv.headDim, group,
            kv.headDim, score);
  waitCopies<0>();
  __syncthreads();  // the folded group is complete, and every lane's copies have landed
  if (pages > 0) {  // uniform over the warp
    const size_t entry = static_cast<size_t>(blockIdx.z) * gridDim.y + blockIdx.y;
    const ScoreTarget target = {scores + entry * (reduction == kGroupSoftmax ? group : 1) * scoreStride + from,
                                scoreStride, reduction};
    scoreTile(target, tile, folded, pages, group, kv.headDim);
  }
  if (threadIdx.x == 0) {
    const int blockPages = kScoreWarps * perWarp;
    const int count = scored.to - blockFrom < blockPages ? scored.to - blockFrom : blockPages;
    atomicAdd(&counters[static_cast<size_t>(batchRow) * 3], static_cast<unsigned long long>(count));
  }
}

/** On tensor cores with the head dims of most models as constants, from which the compiler folds every address. */
template <typename Act, typename Digest, typename... Arguments>
__device__ __forceinline__ void scorePagesOf(const PagedKv& kv, const Act* q, const Digest* digests,
                                             const Arguments&... arguments) {
  if (FoldedOf<Act, Digest>::onTensorCores && kv.headDim == 128) {  // uniform over the grid
    scorePages(PagedKv{kv.kvHeads, 128, kv.pageSize}, q, digests, arguments...);
  } else if (FoldedOf<Act, Digest>::onTensorCores && kv.headDim == 64) {
    scorePages(PagedKv{kv.kvHeads, 64, kv.pageSize}, q, digests, arguments...);
  } else {
    scorePages(kv, q, digests, arguments...);
  }
}

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
    quest::scorePagesOf(quest::PagedKv{kvHeads, headDim, digestBlockSize}, q, digests, scores, counters, row, \
                        scored, budget, group, fromRow, scoreStride, qStride, score, reduction);              \
  }

SCORE_PAGES(f32, float, f32, float, 5)
SCORE_PAGES(f32, float, bf16, bf16, 5)
SCORE_PAGES(f32, float, f16, f16, 5)
SCORE_PAGES(bf16, bf16, bf16, bf16, 6)
SCORE_PAGES(bf16, bf16, f16, f16, 5)
SCORE_PAGES(f32, float, i8, i8, 5)
SCORE_PAGES(bf16, bf16, i8, i8, 6)
