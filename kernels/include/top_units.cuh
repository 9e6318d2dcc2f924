// The exact best k of some units by score, ties to the lowest unit, in ascending order.
//
// The threshold is found on order-preserving bits of the scores: a histogram of 2048 equal bins between the lowest and the
// highest key finds the bin of the k-th largest; the keys of that bin, seldom more than a few, are ranked against each
// other, or, if they are many, binned again. Two prefix sums in one then place the chosen units; nothing is sorted. Every
// step is a wait for the slowest warp, so what counts is how few there are.
#pragma once

#include "block_scan.cuh"
#include "ordered_bits.cuh"
#include "vec.cuh"

namespace quest {

constexpr int kBinBits = 11;
constexpr int kBins = 1 << kBinBits;
constexpr int kRankedKeys = 256;  // at most; a thread compares its key with all of them
constexpr int kScoresAtOnce = 8;  // that a thread has under way: 8,192 of a block, 131,072 tokens
constexpr int kUnitsAtOnce = 4;   // of several scores each

/** The higher of two scores; NaN is below all others. */
__device__ __forceinline__ float better(float a, float b) { return b > a || a != a ? b : a; }

/**
 * The candidates' keys: copied to shared memory as far as it goes, recomputed from the scores after that. With `Parts` a
 * candidate has several scores; without, its one score is all that the compiler sees.
 */
template <bool Parts>
struct UnitKeys {
  static constexpr int kAtOnce = Parts ? kUnitsAtOnce : kScoresAtOnce;  // candidates that a thread has under way

  const float* scores;  // of the first candidate
  unsigned* cache;
  int cached;
  int count;
  int parts;        // of a unit, each with its score
  int firstScored;  // index of the first score that counts: a window may cut the first unit

  /** Score of a part of a candidate; for one that the row does not see, that of the first that it sees. */
  __device__ __forceinline__ float score(int i, int part) const {
    return Parts ? scores[max(i * parts + part, firstScored)] : scores[i];
  }

  /** The best scores of candidates from, from + step, ...; past the end the first one's again. */
  template <int N>
  __device__ __forceinline__ void load(float (&best)[N], int from, int step) const {
#pragma unroll
    for (int j = 0; j < N; j++) {
      const int i = from + j * step;
      best[j] = score(i < count ? i : from, 0);
    }
#pragma unroll 1
    for (int part = 1; Parts && part < parts; part++) {
#pragma unroll
      for (int j = 0; j < N; j++) {
        const int i = from + j * step;
        best[j] = better(best[j], score(i < count ? i : from, part));
      }
    }
  }

  __device__ __forceinline__ unsigned at(int i) const {
    if (i < cached) {
      return cache[i];
    }
    float best[1];
    load(best, i, 0);
    return orderedBits(best[0]);
  }
};

/** Which keys are chosen: those above the threshold, and the first `ties` equal to it. */
struct Threshold {
  unsigned key;
  int ties;
};

/** Keys from lowest to highest, both included. */
struct KeyRange {
  unsigned lowest;
  unsigned highest;

  __device__ __forceinline__ bool holds(unsigned key) const { return key >= lowest && key <= highest; }
};

/** Smallest and largest key, in every thread. Also fills the cache. */
template <bool Parts>
__device__ __forceinline__ KeyRange keyRange(const UnitKeys<Parts>& keys) {
  __shared__ KeyRange range;
  if (threadIdx.x == 0) {
    range = KeyRange{0xffffffffu, 0u};
  }
  __syncthreads();  // the range is set before any warp widens it
  KeyRange mine = {0xffffffffu, 0u};
  const int step = blockDim.x;
  constexpr int kAtOnce = UnitKeys<Parts>::kAtOnce;
  for (int from = threadIdx.x; from < keys.count; from += kAtOnce * step) {
    float score[kAtOnce];
    keys.load(score, from, step);
#pragma unroll
    for (int j = 0; j < kAtOnce; j++) {
      const int i = from + j * step;
      const unsigned key = orderedBits(score[j]);
      if (i < keys.cached && i < keys.count) {
        keys.cache[i] = key;
      }
      mine.lowest = min(mine.lowest, key);
      mine.highest = max(mine.highest, key);
    }
  }
#pragma unroll
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    mine.lowest = min(mine.lowest, __shfl_xor_sync(kAllLanes, mine.lowest, distance));
    mine.highest = max(mine.highest, __shfl_xor_sync(kAllLanes, mine.highest, distance));
  }
  if (threadIdx.x % kWarp == 0) {
    atomicMin(&range.lowest, mine.lowest);
    atomicMax(&range.highest, mine.highest);
  }
  __syncthreads();  // all warps have widened the range, and the cache is filled
  return range;
}

/** Where the k-th largest key of a range lies. */
struct Bin {
  int index;
  int above;   // keys of the range in higher bins
  int inside;  // keys in this bin
};

/** The bin of the k-th largest key of `range`, bins being 2^shift keys wide. `histogram` is empty, and left in use. */
template <bool Parts>
__device__ __forceinline__ Bin kthBin(int* histogram, const UnitKeys<Parts>& keys, const KeyRange& range, int shift, int k) {
  __shared__ Bin found;
  for (int i = threadIdx.x; i < keys.count; i += blockDim.x) {
    const unsigned key = keys.at(i);
    if (range.holds(key)) {
      atomicAdd(&histogram[(key - range.lowest) >> shift], 1);
    }
  }
  __syncthreads();  // all keys are counted before the bins are summed
  const int binsPerThread = ceilDiv(kBins, blockDim.x);
  const int top = kBins - 1 - static_cast<int>(threadIdx.x) * binsPerThread;  // descending
  int mine = 0;
  for (int bin = top; bin > top - binsPerThread && bin >= 0; bin--) {
    mine += histogram[bin];
  }
  int above = exclusiveScanBlock(mine);
  if (above < k && k <= above + mine) {  // exactly one thread
    int bin = top;
    while (above + histogram[bin] < k) {
      above += histogram[bin];
      bin--;
    }
    found = Bin{bin, above, histogram[bin]};
  }
  __syncthreads();  // the one thread's result is written before all read it
  return found;
}

/** The k-th largest key of a range that holds at most kRankedKeys. `gathered` is zero. */
template <bool Parts>
__device__ __forceinline__ Threshold kthOfFew(int* gathered, const UnitKeys<Parts>& keys, const KeyRange& range, int k) {
  __shared__ unsigned few[kRankedKeys];
  __shared__ Threshold found;
  for (int i = threadIdx.x; i < keys.count; i += blockDim.x) {
    const unsigned key = keys.at(i);
    if (range.holds(key)) {
      few[atomicAdd(gathered, 1)] = key;
    }
  }
  __syncthreads();  // all keys of the range are there
  const int count = *gathered;
  for (int i = threadIdx.x; i < count; i += blockDim.x) {
    const unsigned mine = few[i];
    int larger = 0;
    int equal = 0;
    int earlier = 0;
    for (int j = 0; j < count; j++) {
      larger += few[j] > mine;
      equal += few[j] == mine;
      earlier += few[j] == mine && j < i;
    }
    if (larger < k && k <= larger + equal && earlier == 0) {  // exactly one thread
      found = Threshold{mine, k - larger};
    }
  }
  __syncthreads();  // the threshold is written before all read it
  return found;
}

/** The threshold that chooses exactly `k` of the keys, 1 <= k <= count. */
template <bool Parts>
__device__ __forceinline__ Threshold kthLargest(const UnitKeys<Parts>& keys, int k) {
  __shared__ int histogram[kBins];
  __shared__ int gathered;
  if (threadIdx.x == 0) {
    gathered = 0;
  }
  for (int bin = threadIdx.x; bin < kBins; bin += blockDim.x) {
    histogram[bin] = 0;
  }
  KeyRange range = keyRange(keys);  // its barriers also stand between the empty histogram and the first count
  while (true) {  // uniform over the block
    int shift = 0;
    while ((range.highest - range.lowest) >> shift >= kBins) {
      shift++;
    }
    const Bin bin = kthBin(histogram, keys, range, shift, k);
    k -= bin.above;
    range.lowest += static_cast<unsigned>(bin.index) << shift;
    if (bin.inside == k || shift == 0) {
      return Threshold{range.lowest, k};  // the whole bin is chosen, or it holds one key only
    }
    range.highest = min(range.highest - range.lowest, (1u << shift) - 1u) + range.lowest;
    if (bin.inside <= kRankedKeys) {
      return kthOfFew(&gathered, keys, range, k);
    }
    for (int i = threadIdx.x; i < kBins; i += blockDim.x) {
      histogram[i] = 0;
    }
    __syncthreads();  // the histogram is empty before anyone counts
  }
}

/** Writes the chosen candidates, ascending. Each thread owns a run of neighbours, so that one scan places them. */
template <bool Parts>
__device__ __forceinline__ void placeChosen(int* target, const UnitKeys<Parts>& keys, const Threshold& threshold,
                                            int firstUnit) {
  const int run = ceilDiv(keys.count, blockDim.x) | 1;  // odd, so that the lanes' runs start in different banks
  const int from = static_cast<int>(threadIdx.x) * run;
  const int to = from + run < keys.count ? from + run : keys.count;
  int above = 0;
  int equal = 0;
  for (int i = from; i < to; i++) {
    const unsigned key = keys.at(i);
    above += key > threshold.key;
    equal += key == threshold.key;
  }
  const unsigned long long before =
      exclusiveScanBlock(static_cast<unsigned long long>(equal) << 32 | static_cast<unsigned>(above));
  const int tiesBefore = min(static_cast<int>(before >> 32), threshold.ties);
  int tiesLeft = threshold.ties - tiesBefore;
  int place = static_cast<int>(before & 0xffffffffu) + tiesBefore;
  for (int i = from; i < to; i++) {
    const unsigned key = keys.at(i);
    const bool tie = key == threshold.key && tiesLeft-- > 0;
    if (key > threshold.key || tie) {
      target[place++] = firstUnit + i;
    }
  }
}

/** `count` units from `firstUnit` on. */
__device__ __forceinline__ void placeRun(int* target, int firstUnit, int count) {
  for (int i = threadIdx.x; i < count; i += blockDim.x) {
    target[i] = firstUnit + i;
  }
}

}  // namespace quest
