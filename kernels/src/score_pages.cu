// score_pages: one score per (row, KV head, page) from the page's digest, in float: Quest's upper bound of q.k
// (arXiv 2406.10774, section 3.3) or mean + deviation (arXiv 2605.27740), reduced over the group's query heads.
//
//   scores (rows * Hkv, scoreStride)   entry (r * Hkv + h, page), pages firstVisible..current - 1 of row fromRow + r
//   q (R, Hq * D)   digests (page, Hkv, 2 * D), i8: page_digest.cuh   counters (R, 3): [pages scored, attended, tokens]
//
// Both scores are one dot product of 2 D channels with a folded query (page_digest.cuh), so per (row, KV head, page) it
// moves 2 D elements in, read once for all G query heads, and 4 bytes out: 1/16 of K+V for pages of 16 tokens.
// A block's life is one chain of dependent loads (position, page table, digest), so bandwidth comes from the bytes that
// its resident neighbours have under way: a warp copies all its pages, 8 KB, to shared memory at once, and five blocks
// per SM keep up to 160 KB in flight.
// bf16 queries and digests meet on tensor cores: a folded bf16 query is a bf16 query, so every product is exact, and
// eight heads cost what one does. Other types: a lane holds 32 channels of a folded query in registers over all pages.
// Grid: (ceil(pages / (4 P)), Hkv, rows) blocks of 128 threads, P = min(32, 8448 / B) pages per warp, a multiple of 4
// and at least 4, with B = bytes of a digest pair + 16. Split over pages, so that batch 1 fills the chip.
// Dynamic shared memory: 8 * D * G + 4 * P * B bytes.
#include "async_copy.cuh"
#include "page_digest.cuh"
#include "reduce.cuh"
#include "shared_memory.cuh"
#include "tile_mma.cuh"

namespace quest {

constexpr int kScoreWarps = 4;
constexpr int kWarpDigestBytes = 8448;
constexpr int kPageLanes = 8;                        // lanes that share a page
constexpr int kPagesAtOnce = kWarp / kPageLanes;     // that a warp scores in one pass
constexpr int kPasses = kWarp / kPagesAtOnce;        // at most: a lane looks up one page
constexpr int kLaneChannels = 32;                    // of a folded query, in registers; 8 lanes cover D = 128
constexpr int kPageTiles = kWarp / 16;               // at most, on tensor cores
constexpr int kFoldedSteps = 16;                     // of 16 channels, in registers; 16 cover D = 128

/** Elements from one pair to the next in shared memory: 16 bytes of padding put eight pages into all banks. */
template <typename Digest>
__device__ __forceinline__ int pairStride(int headDim) {
  return digestStride<Digest>(headDim) + kPack<Digest>;
}

/** Pages that a warp copies at once. Host twin: CudaTensorOps.scoredPerWarp. */
template <typename Digest>
__device__ __forceinline__ int pagesPerWarp(int headDim) {
  const int pairBytes = pairStride<Digest>(headDim) * static_cast<int>(sizeof(Digest));
  const int fitting = kWarpDigestBytes / pairBytes / kPagesAtOnce * kPagesAtOnce;
  return fitting < kPagesAtOnce ? kPagesAtOnce : fitting < kWarp ? fitting : kWarp;
}

/** Starts the copies of the digests of pages from..from + pages - 1 to `tile` (page, pairStride). */
template <typename Digest>
__device__ __forceinline__ void startDigests(Digest* tile, const Digest* digests, const RowPages& row,
                                             const PagedKv& kv, int from, int pages) {
  const int stride = pairStride<Digest>(kv.headDim);
  const int chunks = digestStride<Digest>(kv.headDim) / kPack<Digest>;
  const int lane = threadIdx.x % kWarp;
  const int id = lane < pages ? row.table[from + lane] : 0;
  int page = lane / chunks;
  int chunk = lane % chunks;
  for (int first = 0; first < pages * chunks; first += kWarp) {  // uniform over the warp
    const int pageId = __shfl_sync(kAllLanes, id, page < kWarp ? page : 0);
    if (page < pages) {
      const int element = chunk * kPack<Digest>;
      copyAsync(tile + page * stride + element, digests + kv.digest<Digest>(pageId, blockIdx.y) + element, true);
    }
    page += kWarp / chunks;
    chunk += kWarp % chunks;
    if (chunk >= chunks) {
      chunk -= chunks;
      page++;
    }
  }
}

/** Writes the group's folded queries (group, 2 * headDim) to shared memory. */
template <typename Folded, typename Act>
__device__ __forceinline__ void foldGroup(Folded* folded, const Act* q, int group, int headDim, int score) {
  for (int i = threadIdx.x; i < group * headDim; i += blockDim.x) {
    const int head = i / headDim;
    float first;
    float second;
    foldQuery(toFloat(q[i]), score, first, second);
    Folded* pair = folded + head * 2 * headDim + i % headDim;
    pair[0] = fromFloat<Folded>(first);
    pair[headDim] = fromFloat<Folded>(second);
  }
}

/** Adds this lane's share of `Digest`-wide channels base.. of all pages' scores for one folded query. */
template <typename Digest>
__device__ __forceinline__ void addScores(float (&score)[kPasses], const Digest* tile, const float* folded, int base,
                                          int pagesOfWarp, int headDim) {
  constexpr int kChunks = kLaneChannels / kPack<Digest>;
  const int stride = pairStride<Digest>(headDim);
  const int lane = threadIdx.x % kPageLanes;
  float q[kChunks][kPack<Digest>];
#pragma unroll
  for (int j = 0; j < kChunks; j++) {
    const int e = base + (j * kPageLanes + lane) * kPack<Digest>;
#pragma unroll
    for (int i = 0; i < kPack<Digest>; i++) {
      q[j][i] = e < 2 * headDim ? folded[e + i] : 0.0f;
    }
  }
#pragma unroll
  for (int pass = 0; pass < kPasses; pass++) {
    if (pass * kPagesAtOnce >= pagesOfWarp) {
      break;  // uniform over the warp
    }
    const Digest* pair = tile + (pass * kPagesAtOnce + threadIdx.x % kWarp / kPageLanes) * stride;
#pragma unroll
    for (int j = 0; j < kChunks; j++) {
      const int e = base + (j * kPageLanes + lane) * kPack<Digest>;
      if (e < 2 * headDim) {
        addChunk(score[pass], q[j], pair, e, headDim);
      }
    }
  }
}

__device__ __forceinline__ float reduceGroup(float a, float b, int reduction) {
  return reduction == kGroupMax ? Max::combine(a, b) : a + b;
}

/** Writes the scores of a warp's pages, reduced over the group. */
template <typename Digest>
__device__ __forceinline__ void scoreTile(float* target, const Digest* tile, const float* folded, int pages, int group,
                                          int headDim, int reduction) {
  float reduced[kPasses];
#pragma unroll
  for (int pass = 0; pass < kPasses; pass++) {
    reduced[pass] = reduction == kGroupMax ? negativeInfinity() : 0.0f;
  }
  for (int head = 0; head < group; head++) {
    float score[kPasses] = {};
    for (int base = 0; base < 2 * headDim; base += kPageLanes * kLaneChannels) {
      addScores(score, tile, folded + head * 2 * headDim, base, pages, headDim);
    }
#pragma unroll
    for (int pass = 0; pass < kPasses; pass++) {
      reduced[pass] = reduceGroup(reduced[pass], reduceLanes<Sum, kPageLanes>(score[pass]), reduction);
    }
  }
#pragma unroll
  for (int pass = 0; pass < kPasses; pass++) {
    const int page = pass * kPagesAtOnce + static_cast<int>(threadIdx.x) % kWarp / kPageLanes;
    if (page < pages && threadIdx.x % kPageLanes == 0) {
      target[page] = reduced[pass];
    }
  }
}

/** The folded queries of eight heads from `head` on as B fragments: channels base.. in steps of 16; others are zero. */
__device__ __forceinline__ void loadFolded(FragmentB (&b)[kFoldedSteps], const bf16* folded, int head, int group,
                                           int base, int channels) {
  const int lane = threadIdx.x % kWarp;
  const bool present = head + lane / 4 < group;
  const bf16* pair = folded + (present ? head + lane / 4 : 0) * channels + lane % 4 * 2;
#pragma unroll
  for (int k = 0; k < kFoldedSteps; k++) {
    const int e = base + k * 16;
    const bool inside = present && e < channels;
    b[k].reg[0] = inside ? *reinterpret_cast<const unsigned*>(pair + e) : 0u;
    b[k].reg[1] = inside ? *reinterpret_cast<const unsigned*>(pair + e + 8) : 0u;
  }
}

/** The same on tensor cores: 16 pages against eight heads at a time. */
__device__ __forceinline__ void scoreTile(float* target, const bf16* tile, const bf16* folded, int pages, int group,
                                          int headDim, int reduction) {
  const int lane = threadIdx.x % kWarp;
  const int channels = 2 * headDim;
  const int stride = pairStride<bf16>(headDim);
  float reduced[kPageTiles][2];
#pragma unroll
  for (int t = 0; t < kPageTiles; t++) {
    reduced[t][0] = reduced[t][1] = reduction == kGroupMax ? negativeInfinity() : 0.0f;
  }
  for (int head = 0; head < group; head += 8) {
    FragmentC sum[kPageTiles] = {};
    for (int base = 0; base < channels; base += kFoldedSteps * 16) {
      FragmentB b[kFoldedSteps];
      loadFolded(b, folded, head, group, base, channels);
#pragma unroll
      for (int t = 0; t < kPageTiles; t++) {
        if (t * 16 >= pages) {
          break;  // uniform over the warp
        }
        const int row = t * 16 + lane % 16 < pages ? t * 16 + lane % 16 : pages - 1;
#pragma unroll
        for (int k = 0; k < kFoldedSteps; k++) {
          if (base + k * 16 < channels) {  // uniform over the warp
            FragmentA a;
            loadTiles(a.reg, tile + row * stride + base + k * 16 + lane / 16 * 8);
            mma<bf16>(sum[t], a, b[k]);
          }
        }
      }
    }
#pragma unroll
    for (int t = 0; t < kPageTiles; t++) {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        if (head + lane % 4 * 2 + i % 2 < group) {
          reduced[t][i / 2] = reduceGroup(reduced[t][i / 2], sum[t].at[i], reduction);
        }
      }
    }
  }
#pragma unroll
  for (int t = 0; t < kPageTiles; t++) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const float score = reduction == kGroupMax ? reduceLanes<Max, 4>(reduced[t][half])
                                                 : reduceLanes<Sum, 4>(reduced[t][half]);
      const int page = t * 16 + half * 8 + lane / 4;
      if (page < pages && lane % 4 == 0) {
        target[page] = score;
      }
    }
  }
}

/** What the folded queries are kept in: bf16 where that is exact and tensor cores can use it. */
template <typename Act, typename Digest>
struct FoldedOf {
  using Type = float;
};

template <>
struct FoldedOf<bf16, bf16> {
  using Type = bf16;
};

template <typename Act, typename Digest>
__device__ __forceinline__ void scorePages(float* scores, unsigned long long* counters, const Act* q,
                                           const Digest* digests, const RowPages& row, const PageBudget& budget,
                                           const PagedKv& kv, int group, int fromRow, int scoreStride, int qStride,
                                           int score, int reduction) {
  QUEST_DYNAMIC_SHARED(shared);
  const int perWarp = pagesPerWarp<Digest>(kv.headDim);
  const int blockFrom = row.firstPage + blockIdx.x * kScoreWarps * perWarp;
  if (blockFrom >= row.currentPage || budget.readsAll(row)) {
    return;  // uniform over the block
  }
  using Folded = typename FoldedOf<Act, Digest>::Type;
  Folded* folded = reinterpret_cast<Folded*>(shared);
  const int warp = threadIdx.x / kWarp;
  const int from = blockFrom + warp * perWarp;
  const int pages = row.currentPage - from < perWarp ? row.currentPage - from : perWarp;  // may be none
  Digest* tile = reinterpret_cast<Digest*>(folded + group * 2 * kv.headDim) +
                 warp * perWarp * pairStride<Digest>(kv.headDim);
  startDigests(tile, digests, row, kv, from, pages);
  commitCopies();
  const int batchRow = fromRow + blockIdx.z;
  foldGroup(folded,
            q + static_cast<size_t>(batchRow) * qStride + static_cast<size_t>(blockIdx.y) * group * kv.headDim, group,
            kv.headDim, score);
  waitCopies<0>();
  __syncthreads();  // the folded group is complete, and every lane's copies have landed
  if (pages > 0) {  // uniform over the warp
    scoreTile(scores + (static_cast<size_t>(blockIdx.z) * gridDim.y + blockIdx.y) * scoreStride + from, tile, folded,
              pages, group, kv.headDim, reduction);
  }
  if (threadIdx.x == 0) {
    const int blockPages = kScoreWarps * perWarp;
    const int scored = row.currentPage - blockFrom < blockPages ? row.currentPage - blockFrom : blockPages;
    atomicAdd(&counters[static_cast<size_t>(batchRow) * 3], static_cast<unsigned long long>(scored));
  }
}

}  // namespace quest

#define SCORE_PAGES(act, Act, dtype, Digest)                                                                  \
  extern "C" __global__ void __launch_bounds__(128, 5) score_pages_##act##_##dtype(                           \
      float* __restrict__ scores, unsigned long long* __restrict__ counters, const Act* __restrict__ q,       \
      const Digest* __restrict__ digests, const int* __restrict__ positions, const int* __restrict__ rowSpan, \
      const int* __restrict__ spanPages, const int* __restrict__ pageTable, int fromRow, int kvHeads,         \
      int headDim, int pageSize, int group, int window, int scoreStride, int qStride, int score,              \
      int reduction, int budgetPages, int sinkTokens, int recentTokens, int minContextTokens) {               \
    const quest::RowPages row = quest::RowPages::of(fromRow + blockIdx.z, positions, rowSpan, spanPages,      \
                                                    pageTable, pageSize, window);                             \
    const quest::PageBudget budget = {budgetPages, sinkTokens, recentTokens, minContextTokens};               \
    quest::scorePages(scores, counters, q, digests, row, budget, quest::PagedKv{kvHeads, headDim, pageSize},  \
                      group, fromRow, scoreStride, qStride, score, reduction);                                \
  }

SCORE_PAGES(f32, float, f32, float)
SCORE_PAGES(f32, float, bf16, bf16)
SCORE_PAGES(f32, float, f16, f16)
SCORE_PAGES(bf16, bf16, bf16, bf16)
SCORE_PAGES(bf16, bf16, f16, f16)
SCORE_PAGES(f32, float, i8, i8)
SCORE_PAGES(bf16, bf16, i8, i8)
