// score_midpoints: the products of a segment's midpoint query with the largest and smallest keys of the blocks before it
// (CritiPrefill, arXiv 2409.12490, section 3.2): max(m.kmax, m.kmin) of each query head, the mean over the group.
//
//   products (segments * Hkv, blocks)   midpoints (segments * Hq, D)   q (R, Hq * D) rotated   keys (page, Hkv, slot, D)
//   segments as of score_blocks.cu
//
// Three launches: midpoint_queries finds m = (max + min) / 2 of the segment's rows, channel by channel; score_midpoints
// reads each key before a segment once, from L2; mix_midpoints makes shares of weight of the products.
//   midpoint_queries  grid: (Hq, segments) blocks of 256 threads; a thread has a channel
//   score_midpoints   grid: (ceil(most blocks / 4), Hkv, segments) blocks of 128 threads; a warp has a block;
//                     dynamic shared memory 32 * D bytes
// Segments that are not scored are left alone.
#include "paged_kv.cuh"
#include "reduce.cuh"
#include "shared_memory.cuh"

namespace quest {

template <typename Act>
__device__ __forceinline__ void midpointQueries(float* midpoints, const Act* q, const int* segments, int segmentStride,
                                                int headDim, int qStride) {
  const int segment = blockIdx.y;
  if (segments[2 * segmentStride + segment] == 0) {
    return;  // uniform over the block
  }
  for (int channel = threadIdx.x; channel < headDim; channel += blockDim.x) {
    float high = negativeInfinity();
    float low = -high;
    for (int row = segments[segment]; row < segments[segment + 1]; row++) {
      const float x = toFloat(q[static_cast<size_t>(row) * qStride + static_cast<size_t>(blockIdx.x) * headDim + channel]);
      high = fmaxf(high, x);
      low = fminf(low, x);
    }
    midpoints[(static_cast<size_t>(segment) * gridDim.x + blockIdx.x) * headDim + channel] = 0.5f * (high + low);
  }
}

template <typename Kv>
__device__ __forceinline__ void scoreMidpoints(float* products, const float* midpoints, const Kv* keys,
                                               const int* segments, int segmentStride, const int* rowSpan,
                                               const int* spanPages, const int* pageTable, const PagedKv& kv, int block,
                                               int blocks, int group) {
  const int segment = blockIdx.z;
  const int own = blockIdx.x * (blockDim.x / kWarp) + threadIdx.x / kWarp;
  if (segments[2 * segmentStride + segment] == 0 || own >= segments[segmentStride + segment] / block) {
    return;  // uniform over the warp
  }
  const int lane = threadIdx.x % kWarp;
  const size_t entry = static_cast<size_t>(segment) * gridDim.y + blockIdx.y;
  const int* table = pageTable + spanPages[rowSpan[segments[segment]]];
  const float* midpoint = midpoints + entry * group * kv.headDim;
  QUEST_DYNAMIC_SHARED(shared);
  float* largestKey = reinterpret_cast<float*>(shared) + threadIdx.x / kWarp * 2 * kv.headDim;
  float* smallestKey = largestKey + kv.headDim;  // each lane reads what it wrote
  for (int channel = lane; channel < kv.headDim; channel += kWarp) {
    float high = negativeInfinity();
    float low = -high;
    for (int i = 0; i < block; i++) {
      const int position = own * block + i;
      const float x =
          toFloat(keys[kv.token(table[position / kv.pageSize], blockIdx.y, position % kv.pageSize) + channel]);
      high = fmaxf(high, x);
      low = fminf(low, x);
    }
    largestKey[channel] = high;
    smallestKey[channel] = low;
  }
  float mean = 0.0f;
  for (int g = 0; g < group; g++) {
    float largest = 0.0f;
    float smallest = 0.0f;
    for (int channel = lane; channel < kv.headDim; channel += kWarp) {
      const float m = midpoint[g * kv.headDim + channel];
      largest = fmaf(m, largestKey[channel], largest);
      smallest = fmaf(m, smallestKey[channel], smallest);
    }
    mean += fmaxf(reduceLanes<Sum>(largest), reduceLanes<Sum>(smallest));
  }
  if (lane == 0) {
    products[entry * blocks + own] = mean / group;
  }
}

}  // namespace quest

#define SCORE_MIDPOINTS(act, Act, dtype, Kv)                                                                           \
  extern "C" __global__ void __launch_bounds__(256) midpoint_queries_##act##_##dtype(                                  \
      float* __restrict__ midpoints, const Act* __restrict__ q, const int* __restrict__ segments, int segmentStride,   \
      int headDim, int qStride) {                                                                                      \
    quest::midpointQueries(midpoints, q, segments, segmentStride, headDim, qStride);                                   \
  }                                                                                                                    \
  extern "C" __global__ void __launch_bounds__(128) score_midpoints_##act##_##dtype(                                   \
      float* __restrict__ products, const float* __restrict__ midpoints, const Kv* __restrict__ keys,                  \
      const int* __restrict__ segments, const int* __restrict__ rowSpan, const int* __restrict__ spanPages,            \
      const int* __restrict__ pageTable, int segmentStride, int kvHeads, int headDim, int pageSize, int block,         \
      int blocks, int group) {                                                                                         \
    quest::scoreMidpoints(products, midpoints, keys, segments, segmentStride, rowSpan, spanPages, pageTable,           \
                          quest::PagedKv{kvHeads, headDim, pageSize}, block, blocks, group);                           \
  }

SCORE_MIDPOINTS(f32, float, f32, float)
SCORE_MIDPOINTS(f32, float, bf16, bf16)
SCORE_MIDPOINTS(f32, float, f16, f16)
SCORE_MIDPOINTS(bf16, bf16, bf16, bf16)
SCORE_MIDPOINTS(bf16, bf16, f16, f16)
