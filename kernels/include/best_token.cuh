// The largest logit of a row.
#pragma once

#include "vec.cuh"

namespace quest {

constexpr int kLogitsAtOnce = 8;  // of a thread

/** The larger logit wins; of equal ones the lower index. NaN never wins. */
__device__ __forceinline__ void keepBest(float& best, int& bestToken, float logit, int token) {
  if (logit > best || (logit == best && token < bestToken)) {
    best = logit;
    bestToken = token;
  }
}

/**
 * The index of the largest logit, ties to the lowest; -1 - the lowest index of a NaN where there is one. Valid in thread
 * 0 alone. All threads of the block call this, a multiple of 32; it is exact, so independent of their number.
 */
__device__ __forceinline__ int bestTokenOf(const float* row, int vocabulary) {
  __shared__ float warpBest[kWarp];
  __shared__ int warpToken[kWarp];
  __shared__ int warpNan[kWarp];
  float best = negativeInfinity();
  int bestToken = vocabulary;
  int nanToken = vocabulary;
  const int step = blockDim.x;
  for (int from = threadIdx.x; from < vocabulary; from += kLogitsAtOnce * step) {
    float logit[kLogitsAtOnce];
#pragma unroll
    for (int j = 0; j < kLogitsAtOnce; j++) {
      const int token = from + j * step;
      logit[j] = row[token < vocabulary ? token : from];  // past the end the first one again, which changes nothing
    }
#pragma unroll
    for (int j = 0; j < kLogitsAtOnce; j++) {
      const int token = from + j * step < vocabulary ? from + j * step : from;
      if (logit[j] != logit[j] && token < nanToken) {
        nanToken = token;
      }
      keepBest(best, bestToken, logit[j], token);
    }
  }
#pragma unroll
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    const float otherBest = __shfl_xor_sync(kAllLanes, best, distance);
    const int otherToken = __shfl_xor_sync(kAllLanes, bestToken, distance);
    const int otherNan = __shfl_xor_sync(kAllLanes, nanToken, distance);
    keepBest(best, bestToken, otherBest, otherToken);
    nanToken = otherNan < nanToken ? otherNan : nanToken;
  }
  if (threadIdx.x % kWarp == 0) {
    warpBest[threadIdx.x / kWarp] = best;
    warpToken[threadIdx.x / kWarp] = bestToken;
    warpNan[threadIdx.x / kWarp] = nanToken;
  }
  __syncthreads();  // all warps' candidates are written before thread 0 reads them
  if (threadIdx.x == 0) {
    for (int warp = 1; warp < static_cast<int>(blockDim.x) / kWarp; warp++) {
      keepBest(best, bestToken, warpBest[warp], warpToken[warp]);
      nanToken = warpNan[warp] < nanToken ? warpNan[warp] : nanToken;
    }
  }
  return nanToken < vocabulary ? -1 - nanToken : bestToken;
}

}  // namespace quest
