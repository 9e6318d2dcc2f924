// linear_experts: row p of out (R * k, N) = a row of x through the expert that choice (R, 2 k) names for it: pair
// p = r * k + j reads row p / shared of x (., K) and the rows [e * N, (e + 1) * N) of weight (E * N, K).
//
// Grid: (ceil(N / 32), E) blocks of 256 threads: a block computes 32 features of one expert for all its pairs, which it
// finds by looking through choice, 256 pairs at a time, in order. Eight pairs share one pass over the weights: a warp
// has four features, its lanes share K, and each lane adds its channels in order before the lanes are added up, so that
// a row's bits depend on nothing but its own numbers. Blocks of experts that no row names end after the look.
#include "reduce.cuh"

namespace quest {

constexpr int kExpertThreads = 256;
constexpr int kExpertPairs = 8;     // that share a pass over the weights
constexpr int kExpertFeatures = 4;  // of a warp

/** The pairs of one expert that a block has found and not computed yet. */
struct FoundPairs {
  int pair[kExpertThreads + kExpertPairs];
  int perWarp[kExpertThreads / kWarp];
};

/** Appends those of 256 pairs that name the expert, in order. All threads of the block call it; returns how many there are. */
__device__ __forceinline__ int findPairs(FoundPairs& found, int count, const float* choice, int choiceStride, int from,
                                         int pairs, int perRow, int expert) {
  const int pair = from + threadIdx.x;
  const bool named =
      pair < pairs &&
      static_cast<int>(choice[static_cast<size_t>(pair / perRow) * choiceStride + pair % perRow]) == expert;
  const unsigned ballot = __ballot_sync(kAllLanes, named);
  const int lane = threadIdx.x % kWarp;
  const int warp = threadIdx.x / kWarp;
  if (lane == 0) {
    found.perWarp[warp] = __popc(ballot);
  }
  __syncthreads();  // all warps' counts are written before anyone adds them up
  int before = count;
  int total = count;
  for (int w = 0; w < kExpertThreads / kWarp; w++) {
    before += w < warp ? found.perWarp[w] : 0;
    total += found.perWarp[w];
  }
  if (named) {
    found.pair[before + __popc(ballot & ((1u << lane) - 1u))] = pair;
  }
  __syncthreads();  // the pairs are written before anyone computes them, the counts read before the next call
  return total;
}

/** Up to eight pairs, from `first` on, through the warp's features. */
template <typename Act, typename Weight>
__device__ __forceinline__ void multiplyPairs(Act* out, const Act* x, const Weight* weight, const FoundPairs& found,
                                              int first, int count, int shared, int feature, int features,
                                              int inFeatures, int outStride, int xStride, int weightStride) {
  const int lane = threadIdx.x % kWarp;
  float sum[kExpertPairs][kExpertFeatures] = {};
  const Act* row[kExpertPairs];
#pragma unroll
  for (int p = 0; p < kExpertPairs; p++) {
    const int pair = found.pair[first + (p < count ? p : 0)];
    row[p] = x + static_cast<size_t>(pair / shared) * xStride;
  }
  for (int k = lane; k < inFeatures; k += kWarp) {
    float w[kExpertFeatures];
#pragma unroll
    for (int f = 0; f < kExpertFeatures; f++) {
      const int n = feature + f < features ? feature + f : features - 1;
      w[f] = toFloat(weight[static_cast<size_t>(n) * weightStride + k]);
    }
#pragma unroll
    for (int p = 0; p < kExpertPairs; p++) {
      if (p < count) {  // uniform over the block
        const float value = toFloat(row[p][k]);
#pragma unroll
        for (int f = 0; f < kExpertFeatures; f++) {
          sum[p][f] = fmaf(value, w[f], sum[p][f]);
        }
      }
    }
  }
#pragma unroll
  for (int p = 0; p < kExpertPairs; p++) {
    if (p < count) {  // uniform over the block
#pragma unroll
      for (int f = 0; f < kExpertFeatures; f++) {
        const float total = reduceLanes<Sum>(sum[p][f]);
        if (lane == 0 && feature + f < features) {
          out[static_cast<size_t>(found.pair[first + p]) * outStride + feature + f] = fromFloat<Act>(total);
        }
      }
    }
  }
}

template <typename Act, typename Weight>
__device__ __forceinline__ void linearExperts(Act* out, const Act* x, const float* choice, const Weight* weight,
                                              int pairs, int perRow, int shared, int features, int inFeatures,
                                              int outStride, int xStride, int choiceStride, int weightStride) {
  __shared__ FoundPairs found;
  const int expert = blockIdx.y;
  const int warp = threadIdx.x / kWarp;
  const int feature = (blockIdx.x * (kExpertThreads / kWarp) + warp) * kExpertFeatures;
  const Weight* own = weight + static_cast<size_t>(expert) * features * weightStride;
  int waiting = 0;
  for (int from = 0; from < pairs; from += kExpertThreads) {
    waiting = findPairs(found, waiting, choice, choiceStride, from, pairs, perRow, expert);
    const bool end = from + kExpertThreads >= pairs;
    int first = 0;
    while (waiting - first >= kExpertPairs || (end && first < waiting)) {  // uniform over the block
      const int count = waiting - first < kExpertPairs ? waiting - first : kExpertPairs;
      if (feature < features) {
        multiplyPairs(out, x, own, found, first, count, shared, feature, features, inFeatures, outStride, xStride,
                      weightStride);
      }
      first += count;
    }
    const int rest = waiting - first;  // fewer than eight: they wait for others
    const int moved = threadIdx.x < rest ? found.pair[first + threadIdx.x] : 0;
    __syncthreads();  // all have read before the rest moves to the front
    if (threadIdx.x < rest) {
      found.pair[threadIdx.x] = moved;
    }
    waiting = rest;
    __syncthreads();  // the rest is there before more is appended
  }
}

}  // namespace quest

#define LINEAR_EXPERTS(act, Act, dtype, Weight)                                                               \
  extern "C" __global__ void __launch_bounds__(256) linear_experts_##act##_##dtype(                          \
      Act* __restrict__ out, const Act* __restrict__ x, const float* __restrict__ choice,                     \
      const Weight* __restrict__ weight, int pairs, int perRow, int shared, int outFeatures, int inFeatures, \
      int outStride, int xStride, int choiceStride, int weightStride) {                                       \
    quest::linearExperts(out, x, choice, weight, pairs, perRow, shared, outFeatures, inFeatures, outStride,  \
                         xStride, choiceStride, weightStride);                                                \
  }

LINEAR_EXPERTS(f32, float, f32, float)
LINEAR_EXPERTS(f32, float, bf16, bf16)
LINEAR_EXPERTS(f32, float, f16, f16)
LINEAR_EXPERTS(bf16, bf16, f32, float)
LINEAR_EXPERTS(bf16, bf16, bf16, bf16)
