// attend_prefill for compute capability 9.0 at D = 128 and 16-bit caches: attend_prefill.cu's tensors, key blocks and
// order of sums (so its bits, too), with wgmma in place of mma.
//
//   out, q (R, Hq * D) indexed by batch row   keys, values (page, Hkv, slot, D)
//
// wgmma reads keys and values from shared memory once for 64 rows of queries, where mma loads them for every warp's 32.
// Three warpgroups of 64 rows share a block's keys: 192 FLOP per byte from L2. They wait for their own products only,
// so that one's softmax runs behind the others' tensor-core work; keys and values are double-buffered.
//   Grid: (ceil(longest span / 192), Hq, spans) blocks of 384 threads. Dynamic shared memory: 1,024 bytes for alignment
//   and (192 + 4 * 64) * D * 2 bytes. Spans are numbered from `fromSpan`.
// Elsewhere than on sm_90a the kernels are empty, and never launched.
#include "prefill_wgmma.cuh"

#define ATTEND_PREFILL_WG(act, Act, dtype, Kv)                                                                 \
  extern "C" __global__ void __launch_bounds__(384, 1) attend_prefill_##act##_##dtype##_d128_wg(                   \
      Act* __restrict__ out, const Act* __restrict__ q, const Kv* __restrict__ keys,                              \
      const Kv* __restrict__ values, const int* __restrict__ positions, const int* __restrict__ spanRows,         \
      const int* __restrict__ spanPages, const int* __restrict__ pageTable, int fromSpan, int kvHeads, int headDim,\
      int pageSize, int group, int window, int qStride, int outStride, float scale, float cap) {                  \
    const quest::PrefillSpan span = quest::PrefillSpan::of(fromSpan + blockIdx.z, positions, spanRows, spanPages, \
                                                           pageTable, window);                                    \
    quest::attendPrefillWgmma<Act, Kv, 3>(out, q, keys, values, span, quest::PagedKv{kvHeads, headDim, pageSize}, \
                                          group, qStride, outStride, scale, cap);                                 \
  }

ATTEND_PREFILL_WG(f32, float, bf16, bf16)
ATTEND_PREFILL_WG(f32, float, f16, f16)
ATTEND_PREFILL_WG(bf16, bf16, bf16, bf16)
ATTEND_PREFILL_WG(bf16, bf16, f16, f16)
