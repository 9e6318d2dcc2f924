// Exclusive prefix sum over the threads of a block.
#pragma once

#include "vec.cuh"

namespace quest {

/**
 * The sum of `value` over all lower threads; two counts in the halves of 64 bits cost one scan. The block is a multiple
 * of 32 threads, at most 1024, and all of its threads call this.
 */
template <typename T>
__device__ __forceinline__ T exclusiveScanBlock(T value) {
  __shared__ T warpSums[kWarp];
  const int lane = threadIdx.x % kWarp;
  const int warp = threadIdx.x / kWarp;
  T inclusive = value;
#pragma unroll
  for (int distance = 1; distance < kWarp; distance *= 2) {
    const T below = __shfl_up_sync(kAllLanes, inclusive, distance);
    inclusive += lane >= distance ? below : T(0);
  }
  __syncthreads();  // the previous call's reads of warpSums come before this call's writes
  if (lane == kWarp - 1) {
    warpSums[warp] = inclusive;
  }
  __syncthreads();  // all warps' sums are written before anyone adds them up
  T before = lane < warp ? warpSums[lane] : T(0);
#pragma unroll
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    before += __shfl_xor_sync(kAllLanes, before, distance);
  }
  return before + inclusive - value;
}

}  // namespace quest
