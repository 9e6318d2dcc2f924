// The scores of a warp's pages, whose digest pairs lie in shared memory, for the query heads of one group: each is a dot
// product of the pair's 2 D channels with a head's folded query (page_digest.cuh), reduced over the group.
//
// bf16 queries meet bf16 and 8-bit digests on tensor cores, 16 pages and eight heads at a time. A folded bf16 query is a
// bf16 query, so every product with a bf16 digest is exact. Integers of 8 bits meet it in f16, where two of them cost two
// instructions and not five: a power of two brings the query's largest channel to 2^14..2^15, so channels are exact
// down to 2^-31 of the largest. The 16 channels that one instruction sums are those that share a power of two, which then
// multiplies their sum. Other types: plain arithmetic in float.
#pragma once

#include "page_digest.cuh"
#include "reduce.cuh"
#include "tile_mma.cuh"

namespace quest {

constexpr int kScoreWarps = 4;                    // of a block
constexpr int kPageLanes = 8;                     // lanes that share a page, in plain arithmetic
constexpr int kPagesAtOnce = kWarp / kPageLanes;  // that a warp scores in one pass
constexpr int kPasses = kWarp / kPagesAtOnce;     // at most: a lane looks up one page
constexpr int kLaneChannels = 32;                 // of a folded query, in registers; 8 lanes cover D = 128
constexpr float kIntegerScale = 512.0f;           // an integer x is x / 512 in f16
constexpr int kPageTiles = kWarp / 16;            // at most, on tensor cores
constexpr int kFoldedSteps = 8;                   // of 16 channels, in registers

/** Elements from one pair to the next in shared memory: an odd number of 16 bytes puts eight pages into all banks. */
template <typename Digest>
__device__ __forceinline__ int pairStride(int headDim) {
  return (digestStride<Digest>(headDim) / kPack<Digest> | 1) * kPack<Digest>;
}

/** What the folded queries are kept in: bf16 where tensor cores multiply them. */
template <typename Act, typename Digest>
struct FoldedOf {
  using Type = float;
  static constexpr bool onTensorCores = false;
};

template <>
struct FoldedOf<bf16, bf16> {
  using Type = bf16;
  static constexpr bool onTensorCores = true;
};

template <>
struct FoldedOf<bf16, i8> {
  using Type = f16;
  static constexpr bool onTensorCores = true;
};

/** Elements from one head's folded query to the next; with 16 bytes between, those of eight heads fill all banks. */
template <typename Folded>
__device__ __forceinline__ int foldedStride(int headDim) {
  return 2 * headDim + (sizeof(Folded) == sizeof(bf16) ? kPack<Folded> : 0);
}

/** The power of two that brings a query's `largest` channel to 2^14..2^15; 1 if all are zero. */
__device__ __forceinline__ float queryScale(float largest) {
  const int exponent = 2 * 127 + 14 - static_cast<int>(bitsOfFloat(largest) >> 23);
  return largest > 0.0f ? scaleOf(max(1, min(exponent, 253))) : 1.0f;
}

/** What a head's sums are multiplied by at the end. */
template <typename Folded>
__device__ __forceinline__ float unscaleOf(const Folded*, int, int) {
  return 1.0f;
}

/** Kept in the 16 bytes behind the folded query. */
template <>
__device__ __forceinline__ float unscaleOf<f16>(const f16* folded, int head, int headDim) {
  return *reinterpret_cast<const float*>(folded + head * foldedStride<f16>(headDim) + 2 * headDim);
}

/** What a warp multiplies a query by before it folds it. */
template <typename Folded, typename Act>
__device__ __forceinline__ float scaleQuery(Folded*, const Act*, int) {
  return 1.0f;
}

template <typename Act>
__device__ __forceinline__ float scaleQuery(f16* pair, const Act* q, int headDim) {
  float largest = 0.0f;
#pragma unroll
  for (int i = threadIdx.x % kWarp; i < headDim; i += kWarp) {
    largest = Max::combine(largest, fabsf(toFloat(q[i])));
  }
  const float scale = queryScale(reduceLanes<Max>(largest));
  if (threadIdx.x % kWarp == 0) {
    *reinterpret_cast<float*>(pair + 2 * headDim) = kIntegerScale / scale;
  }
  return scale;
}

/** Writes the group's folded queries (group, foldedStride) to shared memory, a warp each. */
template <typename Folded, typename Act>
__device__ __forceinline__ void foldGroup(Folded* folded, const Act* q, int group, int headDim, int score) {
  for (int head = threadIdx.x / kWarp; head < group; head += kScoreWarps) {
    const Act* ofHead = q + head * headDim;
    Folded* pair = folded + head * foldedStride<Folded>(headDim);
    const float scale = scaleQuery(pair, ofHead, headDim);
#pragma unroll
    for (int i = threadIdx.x % kWarp; i < headDim; i += kWarp) {
      float first;
      float second;
      foldQuery(toFloat(ofHead[i]) * scale, score, first, second);
      pair[i] = fromFloat<Folded>(first);
      pair[headDim + i] = fromFloat<Folded>(second);
    }
  }
}

/** Where a warp's scores go: one per page, or, for the softmax, one per head and page. */
struct ScoreTarget {
  float* scores;  // of the group's first head and the warp's first page
  int headStride;
  int reduction;

  __device__ __forceinline__ float identity() const { return reduction == kGroupMax ? negativeInfinity() : 0.0f; }

  __device__ __forceinline__ float combine(float a, float b) const {
    return reduction == kGroupMax ? Max::combine(a, b) : a + b;
  }

  __device__ __forceinline__ bool perHead() const { return reduction == kGroupSoftmax; }

  __device__ __forceinline__ void store(int head, int page, float score) const {
    scores[static_cast<size_t>(head) * headStride + page] = score;
  }
};

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

/** Writes the scores of a warp's pages. */
template <typename Digest>
__device__ __forceinline__ void scoreTile(const ScoreTarget& target, const Digest* tile, const float* folded,
                                          int pages, int group, int headDim) {
  const int pageOfLane = static_cast<int>(threadIdx.x) % kWarp / kPageLanes;
  const bool stores = threadIdx.x % kPageLanes == 0;
  float reduced[kPasses];
#pragma unroll
  for (int pass = 0; pass < kPasses; pass++) {
    reduced[pass] = target.identity();
  }
  for (int head = 0; head < group; head++) {
    float score[kPasses] = {};
    for (int base = 0; base < 2 * headDim; base += kPageLanes * kLaneChannels) {
      addScores(score, tile, folded + head * foldedStride<float>(headDim), base, pages, headDim);
    }
#pragma unroll
    for (int pass = 0; pass < kPasses; pass++) {
      const float ofHead = reduceLanes<Sum, kPageLanes>(score[pass]);
      const int page = pass * kPagesAtOnce + pageOfLane;
      if (target.perHead() && stores && page < pages) {
        target.store(head, page, ofHead);
      }
      reduced[pass] = target.combine(reduced[pass], ofHead);
    }
  }
  if (target.perHead()) {
    return;  // uniform over the grid
  }
#pragma unroll
  for (int pass = 0; pass < kPasses; pass++) {
    const int page = pass * kPagesAtOnce + pageOfLane;
    if (page < pages && stores) {
      target.store(0, page, reduced[pass]);
    }
  }
}

/** Where a lane's channels of a step of 16 stand: two from `first` on, two from `second` on. */
struct LaneChannels {
  int first;
  int second;
};

/** As the instruction numbers them. */
__device__ __forceinline__ LaneChannels laneChannels(const bf16*) {
  const int t = threadIdx.x % 4;
  return {2 * t, 2 * t + 8};
}

/** Four neighbours, 32 bits of a pair: a sum knows no order. */
__device__ __forceinline__ LaneChannels laneChannels(const i8*) {
  const int t = threadIdx.x % 4;
  return {4 * t, 4 * t + 2};
}

/** The folded queries of eight heads from `head` on as B fragments: channels base.. in steps of 16; others are zero. */
template <typename Folded>
__device__ __forceinline__ void loadFolded(FragmentB (&b)[kFoldedSteps], const Folded* folded, int head, int group,
                                           int base, int headDim, LaneChannels lane) {
  const int column = head + threadIdx.x % kWarp / 4;
  const bool present = column < group;
  const Folded* ofHead = folded + (present ? column : 0) * foldedStride<Folded>(headDim);
#pragma unroll
  for (int k = 0; k < kFoldedSteps; k++) {
    const int e = base + k * 16;
    const bool inside = present && e < 2 * headDim;
    b[k].reg[0] = inside ? *reinterpret_cast<const unsigned*>(ofHead + e + lane.first) : 0u;
    b[k].reg[1] = inside ? *reinterpret_cast<const unsigned*>(ofHead + e + lane.second) : 0u;
  }
}

/** sum += the products of channels base.. of the pages first..first + 15, of which those up to `last` exist, with b. */
__device__ __forceinline__ void addPages(FragmentC& sum, const FragmentB (&b)[kFoldedSteps], const bf16* tile, int first,
                                         int last, int base, int headDim) {
  const int lane = threadIdx.x % kWarp;
  const bf16* row = tile + min(first + lane % 16, last) * pairStride<bf16>(headDim) + base + lane / 16 * 8;
#pragma unroll
  for (int k = 0; k < kFoldedSteps; k++) {
    if (base + k * 16 < 2 * headDim) {  // uniform over the warp
      FragmentA a;
      loadTiles(a.reg, row + k * 16);
      mma<bf16>(sum, a, b[k]);
    }
  }
}

/** Two of four integers, each by kIntegerScale, as f16 in one register. */
__device__ __forceinline__ unsigned integerPair(unsigned bytes, int from) {
#ifdef QUEST_PORTABLE
  return packHalves<f16>(byteToFloat(bytes, from) / kIntegerScale, byteToFloat(bytes, from + 1) / kIntegerScale);
#else
  // A byte by itself is x + 128 times 2^-24 in f16: times 2^15, less 128 times 2^-9.
  const unsigned biased = __byte_perm(bytes ^ 0x80808080u, 0u, from == 0 ? 0x4140 : 0x4342);
  unsigned pair;
  asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(pair) : "r"(biased), "r"(0x78007800u), "r"(0xb400b400u));
  return pair;
#endif
}

/** The power of two of step `k` of the four whose exponents are given. */
__device__ __forceinline__ float stepScale(unsigned exponents, int k) { return scaleOf(exponents >> (8 * k) & 0xffu); }

/** The same; a step's sum is multiplied by the power of two that its channels share on each page. */
__device__ __forceinline__ void addPages(FragmentC& sum, const FragmentB (&b)[kFoldedSteps], const i8* tile, int first,
                                         int last, int base, int headDim) {
  const int lane = threadIdx.x % kWarp;
  const int stride = pairStride<i8>(headDim);
  const i8* row = tile + min(first + lane % 16, last) * stride + base + lane / 16 * 16;
  const i8* exponents = tile + 2 * headDim + base / kScaleChannels;
  const i8* upper = exponents + min(first + lane / 4, last) * stride;
  const i8* lower = exponents + min(first + lane / 4 + 8, last) * stride;
#pragma unroll
  for (int k = 0; k < kFoldedSteps; k += 4) {
    if (base + k * 16 >= 2 * headDim) {
      break;  // uniform over the warp
    }
    const unsigned upperScales = *reinterpret_cast<const unsigned*>(upper + k);
    const unsigned lowerScales = *reinterpret_cast<const unsigned*>(lower + k);
#pragma unroll
    for (int i = 0; i < 4; i++) {
      if (base + (k + i) * 16 >= 2 * headDim) {
        break;  // uniform over the warp; i is even, since 16 divides headDim
      }
      unsigned bytes[4];  // of two steps: upper and lower page of one, then of the other
      if (i % 2 == 0) {
        loadTiles(bytes, row + (k + i) * 16);
      }
      const unsigned up = bytes[i % 2 * 2];
      const unsigned low = bytes[i % 2 * 2 + 1];
      const FragmentA a = {{integerPair(up, 0), integerPair(low, 0), integerPair(up, 2), integerPair(low, 2)}};
      const FragmentC step = product<f16>(a, b[k + i]);
      const float upperScale = stepScale(upperScales, i);
      const float lowerScale = stepScale(lowerScales, i);
      sum.at[0] += step.at[0] * upperScale;
      sum.at[1] += step.at[1] * upperScale;
      sum.at[2] += step.at[2] * lowerScale;
      sum.at[3] += step.at[3] * lowerScale;
    }
  }
}

/** Writes the scores of a warp's pages, on tensor cores. */
template <typename Digest, typename Folded>
__device__ __forceinline__ void scoreTile(const ScoreTarget& target, const Digest* tile, const Folded* folded,
                                          int pages, int group, int headDim) {
  const int lane = threadIdx.x % kWarp;
  float reduced[kPageTiles][2];
#pragma unroll
  for (int t = 0; t < kPageTiles; t++) {
    reduced[t][0] = reduced[t][1] = target.identity();
  }
  for (int head = 0; head < group; head += 8) {
    FragmentC sum[kPageTiles] = {};
    for (int base = 0; base < 2 * headDim; base += kFoldedSteps * 16) {
      FragmentB b[kFoldedSteps];
      loadFolded(b, folded, head, group, base, headDim, laneChannels(tile));
#pragma unroll
      for (int t = 0; t < kPageTiles; t++) {
        if (t * 16 >= pages) {
          break;  // uniform over the warp
        }
        addPages(sum[t], b, tile, t * 16, pages - 1, base, headDim);
      }
    }
#pragma unroll
    for (int t = 0; t < kPageTiles; t++) {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const int column = head + lane % 4 * 2 + i % 2;
        if (column < group) {
          const float score = sum[t].at[i] * unscaleOf(folded, column, headDim);
          sum[t].at[i] = score;
          reduced[t][i / 2] = target.combine(reduced[t][i / 2], score);
        }
      }
    }
    if (target.perHead()) {  // uniform over the grid
#pragma unroll
      for (int t = 0; t < kPageTiles; t++) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
          const int column = head + lane % 4 * 2 + i % 2;
          const int page = t * 16 + i / 2 * 8 + lane / 4;
          if (column < group && page < pages) {
            target.store(column, page, sum[t].at[i]);
          }
        }
      }
    }
  }
  if (target.perHead()) {
    return;  // uniform over the grid
  }
#pragma unroll
  for (int t = 0; t < kPageTiles; t++) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const float score = target.reduction == kGroupMax ? reduceLanes<Max, 4>(reduced[t][half])
                                                        : reduceLanes<Sum, 4>(reduced[t][half]);
      const int page = t * 16 + half * 8 + lane / 4;
      if (page < pages && lane % 4 == 0) {
        target.store(0, page, score);
      }
    }
  }
}

}  // namespace quest
