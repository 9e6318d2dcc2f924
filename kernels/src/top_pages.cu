// top_pages: the exact best pages by score within the budget, ties to the lowest page, in ascending order.
//
//   list (rows * Hkv, maxPages)   listCount (rows * Hkv)   scores (rows * Hkv, scoreStride)
//
// The sink pages and the recent pages (the current one last) are kept whatever their score, so the candidates are one
// run of pages between them. Their threshold comes from a radix select on order-preserving bits: first the common
// leading bits of all keys are skipped, then a histogram of 11 bits at a time finds the digit that holds the k-th
// largest key, until a digit is taken whole. Two prefix sums then place the chosen pages; nothing is sorted.
// Moves 4 bytes per candidate page from memory (later passes hit shared memory for the first `cachedPages` candidates
// and L2 for the rest: 64K pages, a million tokens, are 256 KB) and 4 bytes per chosen page out.
// Grid: (Hkv, rows) blocks of any multiple of 32 threads up to 1024; the result does not depend on it.
// Dynamic shared memory: 4 * cachedPages bytes.
#include "block_scan.cuh"
#include "paged_kv.cuh"
#include "shared_memory.cuh"

namespace quest {

constexpr int kRadixBits = 11;
constexpr int kRadixBins = 1 << kRadixBits;

/** Maps floats to unsigned integers of the same order; -0 and +0 to the same one, NaN below all. */
__device__ __forceinline__ unsigned orderedBits(float score) {
  if (score != score) {
    return 0u;  // -inf is 0x007fffff
  }
  const unsigned bits = bitsOfFloat(score + 0.0f);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

/** The candidates' keys: copied to shared memory as far as it goes, recomputed from the scores after that. */
struct PageKeys {
  const float* scores;  // of the first candidate
  unsigned* cache;
  int cached;
  int count;

  __device__ __forceinline__ unsigned at(int i) const { return i < cached ? cache[i] : orderedBits(scores[i]); }
};

/** Which keys are chosen: those above the threshold, and the first `ties` equal to it. */
struct Threshold {
  unsigned key;
  int ties;
};

/** Smallest and largest key, in every thread. Also fills the cache. */
__device__ __forceinline__ void keyRange(const PageKeys& keys, unsigned& lowest, unsigned& highest) {
  __shared__ unsigned bounds[2];
  if (threadIdx.x == 0) {
    bounds[0] = 0xffffffffu;
    bounds[1] = 0u;
  }
  __syncthreads();  // bounds are set before any warp narrows them
  unsigned low = 0xffffffffu;
  unsigned high = 0u;
  for (int i = threadIdx.x; i < keys.count; i += blockDim.x) {
    const unsigned key = orderedBits(keys.scores[i]);
    if (i < keys.cached) {
      keys.cache[i] = key;
    }
    low = key < low ? key : low;
    high = key > high ? key : high;
  }
#pragma unroll
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    const unsigned otherLow = __shfl_xor_sync(kAllLanes, low, distance);
    const unsigned otherHigh = __shfl_xor_sync(kAllLanes, high, distance);
    low = otherLow < low ? otherLow : low;
    high = otherHigh > high ? otherHigh : high;
  }
  if (threadIdx.x % kWarp == 0) {
    atomicMin(&bounds[0], low);
    atomicMax(&bounds[1], high);
  }
  __syncthreads();  // all warps have narrowed the bounds, and the cache is filled
  lowest = bounds[0];
  highest = bounds[1];
}

/** What one histogram pass found: the digit of the k-th largest key. */
struct Digit {
  int digit;
  int above;   // keys with a larger digit
  int inside;  // keys with this digit
};

/** Histogram of `bits` bits above `shift` among the keys that agree with `prefix` from bit shift + bits on. */
__device__ __forceinline__ Digit kthDigit(const PageKeys& keys, unsigned prefix, int shift, int bits, int k) {
  __shared__ int histogram[kRadixBins];
  __shared__ Digit found;
  const unsigned mask = (1u << bits) - 1u;
  const unsigned long long above = ~0ull << (shift + bits);  // 64 bits wide, since shift + bits may be 32
  __syncthreads();  // the previous pass has read its histogram and result
  for (int bin = threadIdx.x; bin < kRadixBins; bin += blockDim.x) {
    histogram[bin] = 0;
  }
  __syncthreads();  // the histogram is empty before anyone counts
  for (int i = threadIdx.x; i < keys.count; i += blockDim.x) {
    const unsigned key = keys.at(i);
    if (((key ^ prefix) & above) == 0) {
      atomicAdd(&histogram[(key >> shift) & mask], 1);
    }
  }
  __syncthreads();  // all keys are counted before the bins are summed
  const int binsPerThread = ceilDiv(kRadixBins, blockDim.x);
  const int top = kRadixBins - 1 - static_cast<int>(threadIdx.x) * binsPerThread;  // descending digits
  int mine = 0;
  for (int bin = top; bin > top - binsPerThread && bin >= 0; bin--) {
    mine += histogram[bin];
  }
  int larger = exclusiveScanBlock(mine);
  if (larger < k && k <= larger + mine) {  // exactly one thread
    int bin = top;
    while (larger + histogram[bin] < k) {
      larger += histogram[bin];
      bin--;
    }
    found = Digit{bin, larger, histogram[bin]};
  }
  __syncthreads();  // the one thread's result is written before all read it
  return found;
}

/** The threshold that chooses exactly `k` of the keys, 1 <= k <= count. */
__device__ __forceinline__ Threshold kthLargest(const PageKeys& keys, int k) {
  unsigned lowest;
  unsigned highest;
  keyRange(keys, lowest, highest);
  int openBits = 0;  // low bits in which keys may differ
  while (openBits < 32 && (lowest ^ highest) >> openBits != 0) {
    openBits++;
  }
  unsigned prefix = openBits == 32 ? 0u : highest >> openBits << openBits;
  while (openBits > 0) {  // uniform over the block
    const int bits = openBits < kRadixBits ? openBits : kRadixBits;
    const int shift = openBits - bits;
    const Digit digit = kthDigit(keys, prefix, shift, bits, k);
    prefix |= static_cast<unsigned>(digit.digit) << shift;
    k -= digit.above;
    openBits = shift;
    if (digit.inside == k) {
      return Threshold{prefix, k};  // the whole digit is chosen: every key at or above its lowest value
    }
  }
  return Threshold{prefix, k};
}

/** Writes the chosen candidates, ascending. Each thread owns a run of neighbours, so that one scan places them. */
__device__ __forceinline__ void placeChosen(int* target, const PageKeys& keys, const Threshold& threshold,
                                            int firstPage) {
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
  const int equalBefore = exclusiveScanBlock(equal);
  int tiesLeft = threshold.ties - equalBefore;
  tiesLeft = tiesLeft < 0 ? 0 : tiesLeft;
  int place = exclusiveScanBlock(above + (equal < tiesLeft ? equal : tiesLeft));
  for (int i = from; i < to; i++) {
    const unsigned key = keys.at(i);
    const bool tie = key == threshold.key && tiesLeft-- > 0;
    if (key > threshold.key || tie) {
      target[place++] = firstPage + i;
    }
  }
}

/** `count` pages from `firstPage` on. */
__device__ __forceinline__ void placeRun(int* target, int firstPage, int count) {
  for (int i = threadIdx.x; i < count; i += blockDim.x) {
    target[i] = firstPage + i;
  }
}

__device__ __forceinline__ void topPages(int* list, int* listCount, const float* scores, const RowPages& row,
                                         const PageBudget& budget, int maxPages, int scoreStride, int pageSize,
                                         int cachedPages) {
  QUEST_DYNAMIC_SHARED(shared);
  const size_t entry = static_cast<size_t>(blockIdx.y) * gridDim.x + blockIdx.x;
  int* target = list + entry * maxPages;
  const bool all = budget.readsAll(row);
  const int kept = all ? row.visible() : budget.pages;
  if (threadIdx.x == 0) {
    listCount[entry] = kept;
  }
  if (all) {
    placeRun(target, row.firstPage, kept);
    return;  // uniform over the block
  }
  const int recentStart = budget.recentStart(row, pageSize);
  int sinks = budget.sinkEnd(row, pageSize) - row.firstPage;
  sinks = sinks < kept ? sinks : kept - 1;  // the current page is always read
  int recents = row.currentPage + 1 - recentStart;
  recents = recents < kept - sinks ? recents : kept - sinks;
  const int chosen = kept - sinks - recents;
  placeRun(target, row.firstPage, sinks);
  placeRun(target + sinks + chosen, row.currentPage + 1 - recents, recents);
  if (chosen == 0) {
    return;  // uniform over the block
  }
  const int firstCandidate = row.firstPage + sinks;
  const int candidates = recentStart - firstCandidate;
  const PageKeys keys = {scores + entry * scoreStride + firstCandidate, reinterpret_cast<unsigned*>(shared),
                         cachedPages, candidates};
  placeChosen(target + sinks, keys, kthLargest(keys, chosen), firstCandidate);
}

}  // namespace quest

extern "C" __global__ void __launch_bounds__(1024)
    top_pages(int* __restrict__ list, int* __restrict__ listCount, const float* __restrict__ scores,
              const int* __restrict__ positions, const int* __restrict__ rowSpan,
              const int* __restrict__ spanPages, const int* __restrict__ pageTable, int fromRow, int maxPages,
              int scoreStride, int pageSize, int window, int cachedPages, int budgetPages, int sinkTokens,
              int recentTokens, int minContextTokens) {
  const quest::RowPages row = quest::RowPages::of(fromRow + blockIdx.y, positions, rowSpan, spanPages, pageTable,
                                                  pageSize, window);
  const quest::PageBudget budget = {budgetPages, sinkTokens, recentTokens, minContextTokens};
  quest::topPages(list, listCount, scores, row, budget, maxPages, scoreStride, pageSize, cachedPages);
}
