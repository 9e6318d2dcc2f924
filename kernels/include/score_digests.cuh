// Scores of digests for the query heads of one (row, KV head): a block copies the digest pairs of its units to shared memory
// and multiplies them with the folded queries (score_tile.cuh). Which digests those are is the op's business.
#pragma once

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
template <typename Digest, typename Units>
__device__ __forceinline__ void startDigests(Digest* tile, const Digest* digests, const Units& units,
                                             const PagedKv& kv, int from, int pages) {
  const char* ofHead = reinterpret_cast<const char*>(digests + kv.digest<Digest>(0, units.head));
  const unsigned pageBytes = kv.kvHeads * digestStride<Digest>(kv.headDim) * sizeof(Digest);
  const unsigned id = units.id(from + min(static_cast<int>(threadIdx.x) % kWarp, pages - 1));
  const int vectors = 2 * kv.headDim / kPack<Digest>;  // most often a power of two; what 8 bits have beyond it is one more
  const int all = digestStride<Digest>(kv.headDim) / kPack<Digest>;
  startChunks(tile, ofHead, pageBytes, id, kv.headDim, 0, vectors);
  if (all > vectors) {
    startChunks(tile, ofHead, pageBytes, id, kv.headDim, vectors, all - vectors);
  }
}

/** Scores a block's units for one row and KV head. `units` has from, to, head (of the digests) and id(unit). */
template <typename Act, typename Digest, typename Units>
__device__ __forceinline__ void scoreDigests(const PagedKv& kv, const Act* q, const Digest* digests, float* scores,
                                             unsigned long long* counters, const Units& units, int group, int fromRow,
                                             int scoreStride, int qStride, int score, int reduction) {
  QUEST_DYNAMIC_SHARED(shared);
  const int perWarp = pagesPerWarp<Digest>(kv.headDim);
  const int blockFrom = units.from + blockIdx.x * kScoreWarps * perWarp;
  if (blockFrom >= units.to) {
    return;  // uniform over the block
  }
  using Folded = typename FoldedOf<Act, Digest>::Type;
  Folded* folded = reinterpret_cast<Folded*>(shared);
  const int warp = threadIdx.x / kWarp;
  const int from = blockFrom + warp * perWarp;
  const int pages = units.to - from < perWarp ? units.to - from : perWarp;  // may be none
  Digest* tile = reinterpret_cast<Digest*>(folded + group * foldedStride<Folded>(kv.headDim)) +
                 warp * perWarp * pairStride<Digest>(kv.headDim);
  if (pages > 0) {  // uniform over the warp
    startDigests(tile, digests, units, kv, from, pages);
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
    const int count = units.to - blockFrom < blockPages ? units.to - blockFrom : blockPages;
    atomicAdd(&counters[static_cast<size_t>(batchRow) * 3], static_cast<unsigned long long>(count));
  }
}

/** On tensor cores with the head dims of most models as constants, from which the compiler folds every address. */
template <typename Act, typename Digest, typename... Arguments>
__device__ __forceinline__ void scoreDigestsOf(const PagedKv& kv, const Act* q, const Digest* digests,
                                               const Arguments&... arguments) {
  if (FoldedOf<Act, Digest>::onTensorCores && kv.headDim == 128) {  // uniform over the grid
    scoreDigests(PagedKv{kv.kvHeads, 128, kv.pageSize}, q, digests, arguments...);
  } else if (FoldedOf<Act, Digest>::onTensorCores && kv.headDim == 64) {
    scoreDigests(PagedKv{kv.kvHeads, 64, kv.pageSize}, q, digests, arguments...);
  } else {
    scoreDigests(kv, q, digests, arguments...);
  }
}

}  // namespace quest
