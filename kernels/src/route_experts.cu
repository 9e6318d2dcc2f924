// route_experts: the k experts of the largest logits of each row, the first of equal ones, and their weights: a softmax
// over all E, or over the k chosen. choice (R, 2 k) = [experts, best first | weights], logits (R, E), all float.
// Moves R * (E + 2 k) floats.
// Grid: one warp per row. Sums are taken in one order, by lane 0.
#include "reduce.cuh"

namespace quest {

/** The larger logit, of equal ones the lower expert. */
__device__ __forceinline__ void keepBetter(float& logit, int& expert, float otherLogit, int other) {
  const bool better = other >= 0 && (expert < 0 || otherLogit > logit || (otherLogit == logit && other < expert));
  logit = better ? otherLogit : logit;
  expert = better ? other : expert;
}

__device__ __forceinline__ void routeExperts(float* choice, const float* logits, int experts, int perRow,
                                             bool normalise) {
  const int lane = threadIdx.x;
  float lastLogit = 0.0f;
  int last = -1;  // chosen before: what follows it in the order is still free
  float largest = 0.0f;
  for (int j = 0; j < perRow; j++) {
    float best = 0.0f;
    int expert = -1;
    for (int e = lane; e < experts; e += kWarp) {
      const float logit = logits[e];
      const bool free = last < 0 || logit < lastLogit || (logit == lastLogit && e > last);
      if (free) {
        keepBetter(best, expert, logit, e);
      }
    }
#pragma unroll
    for (int distance = kWarp / 2; distance > 0; distance /= 2) {
      const float otherLogit = __shfl_xor_sync(kAllLanes, best, distance);
      const int other = __shfl_xor_sync(kAllLanes, expert, distance);
      keepBetter(best, expert, otherLogit, other);
    }
    largest = j == 0 ? best : largest;
    lastLogit = best;
    last = expert;
    if (lane == 0) {
      choice[j] = static_cast<float>(expert);
      choice[perRow + j] = expf(best - largest);
    }
  }
  if (lane == 0) {
    float sum = 0.0f;
    for (int i = 0; i < (normalise ? perRow : experts); i++) {
      sum += normalise ? choice[perRow + i] : expf(logits[i] - largest);
    }
    for (int j = 0; j < perRow; j++) {
      choice[perRow + j] /= sum;
    }
  }
}

}  // namespace quest

extern "C" __global__ void __launch_bounds__(32) route_experts(float* choice, const float* __restrict__ logits,
                                                               int experts, int perRow, int normalise,
                                                               int choiceStride, int logitStride) {
  quest::routeExperts(choice + static_cast<size_t>(blockIdx.x) * choiceStride,
                      logits + static_cast<size_t>(blockIdx.x) * logitStride, experts, perRow, normalise != 0);
}
