// Sum and maximum over the lanes of a warp and the threads of a block, in an order that depends on nothing but
// the block size: the same input gives the same bits, whatever else runs.
#pragma once

#include "vec.cuh"

namespace quest {

struct Sum {
  static __device__ __forceinline__ float identity() { return 0.0f; }
  static __device__ __forceinline__ float combine(float a, float b) { return a + b; }
};

struct Max {
  static __device__ __forceinline__ float identity() { return negativeInfinity(); }
  static __device__ __forceinline__ float combine(float a, float b) { return a > b ? a : b; }
};

/** Reduces over groups of Lanes neighbouring lanes (a power of two); every lane of the group gets the result. */
template <typename Op, int Lanes = kWarp>
__device__ __forceinline__ float reduceLanes(float value) {
#pragma unroll
  for (int distance = Lanes / 2; distance > 0; distance /= 2) {
    value = Op::combine(value, __shfl_xor_sync(kAllLanes, value, distance));
  }
  return value;
}

/**
 * Reduces over the block (a multiple of 32 threads, at most 1024); every thread gets the result.
 * All threads of the block must call it.
 */
template <typename Op>
__device__ __forceinline__ float reduceBlock(float value) {
  __shared__ float perWarp[kWarp];
  const int lane = threadIdx.x % kWarp;
  const int warp = threadIdx.x / kWarp;
  const int warps = blockDim.x / kWarp;
  value = reduceLanes<Op>(value);
  if (warps == 1) {
    return value;  // uniform over the block
  }
  __syncthreads();  // the previous call's reads of perWarp come before this call's writes
  if (lane == 0) {
    perWarp[warp] = value;
  }
  __syncthreads();  // all warps' parts are written before anyone reads them
  return reduceLanes<Op>(lane < warps ? perWarp[lane] : Op::identity());
}

}  // namespace quest
