// attend_prefill_blocks and attend_prefill_skip for compute capability 9.0 at D = 128 and 16-bit caches:
// attend_prefill_wgmma.cu's form, with segments in the place of spans and attend_prefill_blocks.cu's tensors.
#include "prefill_wgmma.cuh"

#define OF_HEADS (static_cast<int>(blockIdx.y) / group)

#define ATTEND_PREFILL_BLOCKS_WG(act, Act, dtype, Kv)                                                                  \
  extern "C" __global__ void __launch_bounds__(384, 1) attend_prefill_blocks_##act##_##dtype##_d128_wg(                \
      Act* __restrict__ out, float* __restrict__ logSumExp, unsigned long long* __restrict__ counters,                 \
      const Act* __restrict__ q, const Kv* __restrict__ keys, const Kv* __restrict__ values,                           \
      const int* __restrict__ list, const int* __restrict__ listCount, const int* __restrict__ segmentRows,            \
      const int* __restrict__ segmentStarts, const int* __restrict__ rowSpan, const int* __restrict__ spanPages,       \
      const int* __restrict__ pageTable, int maxBlocks, int block, int kvHeads, int headDim, int pageSize,             \
      int group, int qStride, int outStride, int lseStride, float scale, float cap) {                                  \
    __shared__ quest::PrefillSegment<false> segment;                                                                   \
    segment.template load<true>(segment, blockIdx.z, OF_HEADS, kvHeads, list, listCount, segmentRows,                  \
                                   segmentStarts, rowSpan, spanPages, pageTable, maxBlocks, block, group, logSumExp,   \
                                   lseStride, counters, 0.0f);                                                         \
    quest::attendPrefillWgmma<Act, Kv, 3>(out, q, keys, values, segment, quest::PagedKv{kvHeads, headDim, pageSize},   \
                                          group, qStride, outStride, scale, cap);                                      \
  }                                                                                                                    \
  extern "C" __global__ void __launch_bounds__(384, 1) attend_prefill_skip_##act##_##dtype##_d128_wg(                  \
      Act* __restrict__ out, float* __restrict__ logSumExp, unsigned long long* __restrict__ counters,                 \
      const Act* __restrict__ q, const Kv* __restrict__ keys, const Kv* __restrict__ values,                           \
      const int* __restrict__ list, const int* __restrict__ listCount, const int* __restrict__ segmentRows,            \
      const int* __restrict__ segmentStarts, const int* __restrict__ rowSpan, const int* __restrict__ spanPages,       \
      const int* __restrict__ pageTable, int maxBlocks, int block, int kvHeads, int headDim, int pageSize,             \
      int group, int qStride, int outStride, int lseStride, float scale, float cap, float margin) {                    \
    __shared__ quest::PrefillSegment<true> segment;                                                                    \
    segment.template load<true>(segment, blockIdx.z, OF_HEADS, kvHeads, list, listCount, segmentRows,                  \
                                   segmentStarts, rowSpan, spanPages, pageTable, maxBlocks, block, group, logSumExp,   \
                                   lseStride, counters, margin);                                                       \
    quest::attendPrefillWgmma<Act, Kv, 3>(out, q, keys, values, segment, quest::PagedKv{kvHeads, headDim, pageSize},   \
                                          group, qStride, outStride, scale, cap);                                      \
  }

ATTEND_PREFILL_BLOCKS_WG(f32, float, bf16, bf16)
ATTEND_PREFILL_BLOCKS_WG(f32, float, f16, f16)
ATTEND_PREFILL_BLOCKS_WG(bf16, bf16, bf16, bf16)
ATTEND_PREFILL_BLOCKS_WG(bf16, bf16, f16, f16)
