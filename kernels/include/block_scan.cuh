// Exclusive prefix sum over the threads of a block.
#pragma once

#include "vec.cuh"

namespace quest {

/**
 * The sum of `value` over all lower threads. The block is a multiple of 32 threads, at most 1024, and all of its
 * threads call this.
 */
__device__ __forceinline__ int exclusiveScanBlock(int value) {
  __shared__ int warpSums[kWarp];
  const int lane = threadIdx.x % kWarp;
  const int warp = threadIdx.x / kWarp;
  int inclusive = value;
#pragma unroll
  for (int distance = 1; distance < kWarp; distance *= 2) {
    const int below = __shfl_up_sync(kAllLanes, inclusive, distance);
    inclusive += lane >= distance ? below : 0;
  }
  __syncthreads();  // the previous call's reads of warpSums come before this call's writes
  if (lane == kWarp - 1) {
    warpSums[warp] = inclusive;
  }
  __syncthreads();  // all warps' sums are written before anyone adds them up
  int before = lane < warp ? warpSums[lane] : 0;
#pragma unroll
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    before += __shfl_xor_sync(kAllLanes, before, distance);
  }
  return before + inclusive - value;
}

}  // namespace quest
