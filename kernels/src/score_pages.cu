// score_pages: one score per (row, KV head, page) from the page's digest, in float: Quest's upper bound of q.k
// (arXiv 2406.10774, section 3.3) or mean + deviation (arXiv 2605.27740), reduced over the group's query heads.
//
//   scores (rows * Hkv, scoreStride)   entry (r * Hkv + h, page), pages firstVisible..current - 1 of row fromRow + r
//   q (R, Hq * D)   digests (page, Hkv, 2 * D), i8: page_digest.cuh   counters (R, 3): [pages scored, attended, tokens]
//
// Both scores are one dot product of 2 D channels with a folded query (page_digest.cuh), so per (row, KV head, page) it
// moves 2 D elements in, read once for all G query heads, and 4 bytes out: 1/16 of K+V for pages of 16 tokens. At
// 3.35 TB/s an H100 SM gets about 15 bytes per cycle; with bf16 and D = 128 a page costs G * 8 FMA instructions of a
// warp and has 136 issue slots, so the kernel stays bound by memory up to G = 8. In 8 bits a page is 272 bytes and has
// 72 issue slots; 16 turn its integers into floats, again for every two heads (more at a time would spill registers).
// Grid: (ceil(pages / 64), Hkv, rows) blocks of 256 threads; eight lanes share a page (four in 8 bits), so a warp reads
// four pages at a time in whole 128-byte lines (eight, in 64 bytes). Split over pages, so that batch 1 fills the chip.
// Dynamic shared memory: 4 * roundUp(2 * D, 64) * roundUp(G, 8) bytes.
#include "page_digest.cuh"
#include "reduce.cuh"
#include "shared_memory.cuh"

namespace quest {

constexpr int kScoredPerBlock = 64;
constexpr int kChunksInFlight = 4;  // 16-byte loads a lane has outstanding; 4 cover D = 128 in 16 or 8 bits

/**
 * Where channel `e` of the folded query stands: a lane reads its chunk in 16-byte pieces, and the pieces of a page's
 * lanes lie side by side, so that no two lanes meet in a bank.
 */
template <typename Chunk>
__device__ __forceinline__ int foldedAt(int e) {
  constexpr int kPieces = Chunk::kChannels / 4;
  const int chunk = e / Chunk::kChannels;
  const int piece = e % Chunk::kChannels / 4;
  return ((chunk / Chunk::kLanes * kPieces + piece) * Chunk::kLanes + chunk % Chunk::kLanes) * 4 + e % 4;
}

/** Writes the group's folded queries (heads, paddedChannels) to shared memory; padding is zero. */
template <typename Chunk, typename Act>
__device__ __forceinline__ void foldGroup(float* folded, const Act* q, int group, int heads, int headDim,
                                          int paddedChannels, int score) {
  for (int i = threadIdx.x; i < heads * paddedChannels; i += blockDim.x) {
    folded[i] = 0.0f;
  }
  __syncthreads();  // zeros are written before the queries replace some of them
  for (int i = threadIdx.x; i < group * headDim; i += blockDim.x) {
    const int head = i / headDim;
    const int channel = i % headDim;
    float first;
    float second;
    foldQuery(toFloat(q[i]), score, first, second);
    folded[head * paddedChannels + foldedAt<Chunk>(channel)] = first;
    folded[head * paddedChannels + foldedAt<Chunk>(headDim + channel)] = second;
  }
  __syncthreads();  // the folded group is complete before any warp scores with it
}

/** This lane's part of the scores of `Heads` query heads for one page; `digest` is null for no page. */
template <int Heads, typename Digest>
__device__ __forceinline__ void partialScores(float (&score)[Heads], const Digest* digest, const float* folded,
                                              int headDim, int paddedChannels) {
  using Chunk = DigestChunk<Digest>;
  constexpr int kStride = Chunk::kLanes * Chunk::kChannels;
  const int channels = 2 * headDim;
  const int lane = threadIdx.x % Chunk::kLanes;
#pragma unroll
  for (int h = 0; h < Heads; h++) {
    score[h] = 0.0f;
  }
  for (int base = 0; base < channels; base += kChunksInFlight * kStride) {
    Chunk chunk[kChunksInFlight];  // loaded together, so that their latencies overlap
#pragma unroll
    for (int j = 0; j < kChunksInFlight; j++) {
      const int e = base + j * kStride + lane * Chunk::kChannels;
      if (digest != nullptr && e < channels) {
        chunk[j].load(digest, e, headDim);
      } else {
        chunk[j] = Chunk{};
      }
    }
#pragma unroll
    for (int j = 0; j < kChunksInFlight; j++) {
      if (base + j * kStride >= channels) {
        break;  // uniform over the warp
      }
      const float* q = folded + base + j * kStride + lane * 4;
#pragma unroll
      for (int h = 0; h < Heads; h++) {
#pragma unroll
        for (int i = 0; i < Chunk::kChannels; i += 4) {
          const Pack<float, 4> piece =
              *reinterpret_cast<const Pack<float, 4>*>(q + h * paddedChannels + i * Chunk::kLanes);
#pragma unroll
          for (int c = 0; c < 4; c++) {
            score[h] += piece.at[c] * chunk[j].at(i + c);
          }
        }
      }
    }
  }
}

/** The group's score of one page, in every one of its lanes. Groups of more than `Heads` re-read the digest from L1. */
template <int Heads, typename Digest>
__device__ __forceinline__ float scorePage(const Digest* digest, const float* folded, int group, int headDim,
                                           int paddedChannels, int reduction) {
  float reduced = reduction == kGroupMax ? negativeInfinity() : 0.0f;
  for (int head = 0; head < group; head += Heads) {
    float score[Heads];
    partialScores<Heads>(score, digest, folded + head * paddedChannels, headDim, paddedChannels);
#pragma unroll
    for (int h = 0; h < Heads; h++) {
      const float whole = reduceLanes<Sum, DigestChunk<Digest>::kLanes>(score[h]);
      if (head + h < group) {
        reduced = reduction == kGroupMax ? Max::combine(reduced, whole) : reduced + whole;
      }
    }
  }
  return reduced;
}

template <int Heads, typename Digest>
__device__ __forceinline__ void scoreRange(float* scores, const Digest* digests, const RowPages& row, int from, int to,
                                           const PagedKv& kv, int group, const float* folded, int paddedChannels,
                                           int reduction) {
  constexpr int kLanes = DigestChunk<Digest>::kLanes;
  const int pagesPerPass = blockDim.x / kLanes;
  for (int base = from; base < to; base += pagesPerPass) {  // uniform over the block
    const int page = base + threadIdx.x / kLanes;
    const Digest* digest = page < to ? digests + kv.digest<Digest>(row.table[page], blockIdx.y) : nullptr;
    const float score = scorePage<Heads>(digest, folded, group, kv.headDim, paddedChannels, reduction);
    if (page < to && threadIdx.x % kLanes == 0) {
      scores[page] = score;
    }
  }
}

template <typename Act, typename Digest>
__device__ __forceinline__ void scorePages(float* scores, unsigned long long* counters, const Act* q,
                                           const Digest* digests, const RowPages& row, const PageBudget& budget,
                                           const PagedKv& kv, int group, int fromRow, int scoreStride, int qStride,
                                           int score, int reduction) {
  QUEST_DYNAMIC_SHARED(shared);
  float* folded = reinterpret_cast<float*>(shared);
  const int from = row.firstPage + blockIdx.x * kScoredPerBlock;
  const int to = from + kScoredPerBlock < row.currentPage ? from + kScoredPerBlock : row.currentPage;
  if (from >= to || budget.readsAll(row)) {
    return;  // uniform over the block
  }
  const int batchRow = fromRow + blockIdx.z;
  const int heads = ceilDiv(group, 8) * 8;
  const int paddedChannels = ceilDiv(2 * kv.headDim, 64) * 64;
  const Act* firstHead =
      q + static_cast<size_t>(batchRow) * qStride + static_cast<size_t>(blockIdx.y) * group * kv.headDim;
  foldGroup<DigestChunk<Digest>>(folded, firstHead, group, heads, kv.headDim, paddedChannels, score);
  float* target = scores + (static_cast<size_t>(blockIdx.z) * gridDim.y + blockIdx.y) * scoreStride;
  if (group == 1) {
    scoreRange<1>(target, digests, row, from, to, kv, group, folded, paddedChannels, reduction);
  } else if (group == 2 || DigestChunk<Digest>::kHeads == 2) {
    scoreRange<2>(target, digests, row, from, to, kv, group, folded, paddedChannels, reduction);
  } else if (group <= 4) {
    scoreRange<4>(target, digests, row, from, to, kv, group, folded, paddedChannels, reduction);
  } else {
    scoreRange<8>(target, digests, row, from, to, kv, group, folded, paddedChannels, reduction);
  }
  if (threadIdx.x == 0) {
    atomicAdd(&counters[static_cast<size_t>(batchRow) * 3], static_cast<unsigned long long>(to - from));
  }
}

}  // namespace quest

#define SCORE_PAGES(act, Act, dtype, Digest)                                                                  \
  extern "C" __global__ void __launch_bounds__(256, 2) score_pages_##act##_##dtype(                           \
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
