// attend_prefill: dense causal attention of the rows of some spans over their sequences' pages, the rows' own keys
// included (append_kv ran before). FlashAttention-2 (arXiv 2307.08691) over a paged cache.
//
//   out, q (R, Hq * D) indexed by batch row   keys, values (page, Hkv, slot, D)
//
// Per query tile of B rows and head it moves 2 * D elements per visible key, mostly from L2, and does 4 * D FLOP per
// (query, key): at B = 128 and 16 bits that is 128 FLOP per byte from L2, so tensor cores are the limit. A warp's tile
// (32 x 64 keys, D = 128) is 256 mma and 40 KB of ldmatrix: with 16 rows it would be 32 KB for half the mma, and shared
// memory the limit. Keys and values are single-buffered; each copy runs behind the other half of the arithmetic and
// the second block of the SM.
// Keys come in blocks of 64 that start at position 0, whatever the chunk: a row's reduction order depends on its own
// position alone. Blocks that a row does not see change none of its bits (flash_tile.cuh).
//   ..._d<D>  bf16 and f16 caches. Grid: (ceil(longest span / B), Hq, spans) blocks; B = 128; at D = 256
//             B = 64 (16 rows per warp). 128 threads. Dynamic shared memory: (B + 128) * (D + 8) * 2 bytes.
//   no suffix  any D that is a multiple of 8, for float caches and small heads. Grid: (longest span,
//             Hkv * ceil(G / 16), spans) blocks of 128 threads; dynamic shared memory
//             2048 + min(G, 16) * (1024 + 8 * D + 16) bytes.
// attend_prefill_wgmma.cu is the form for compute capability 9.0 at D = 128.
// Spans are numbered from `fromSpan`.
#include "prefill_tile.cuh"

#define ATTEND_PREFILL(act, Act, dtype, Kv, suffix, threads, blocks, ...)                                         \
  extern "C" __global__ void __launch_bounds__(threads, blocks) attend_prefill_##act##_##dtype##suffix(           \
      Act* __restrict__ out, const Act* __restrict__ q, const Kv* __restrict__ keys,                              \
      const Kv* __restrict__ values, const int* __restrict__ positions, const int* __restrict__ spanRows,         \
      const int* __restrict__ spanPages, const int* __restrict__ pageTable, int fromSpan, int kvHeads, int headDim,\
      int pageSize, int group, int window, int qStride, int outStride, float scale, float cap) {                  \
    const quest::PrefillSpan span = quest::PrefillSpan::of(fromSpan + blockIdx.z, positions, spanRows, spanPages, \
                                                           pageTable, window);                                    \
    quest::__VA_ARGS__(out, q, keys, values, span, quest::PagedKv{kvHeads, headDim, pageSize}, group, qStride,    \
                       outStride, scale, cap);                                                                    \
  }

ATTEND_PREFILL(f32, float, f32, float, , 128, 4, attendPrefillPlain)
ATTEND_PREFILL(f32, float, bf16, bf16, , 128, 4, attendPrefillPlain)
ATTEND_PREFILL(f32, float, f16, f16, , 128, 4, attendPrefillPlain)
ATTEND_PREFILL(bf16, bf16, bf16, bf16, , 128, 4, attendPrefillPlain)
ATTEND_PREFILL(bf16, bf16, f16, f16, , 128, 4, attendPrefillPlain)
ATTEND_PREFILL(f32, float, bf16, bf16, _d64, 128, 2, attendPrefillTiled<float, bf16, 64, 4, 2>)
ATTEND_PREFILL(f32, float, bf16, bf16, _d96, 128, 2, attendPrefillTiled<float, bf16, 96, 4, 2>)
ATTEND_PREFILL(f32, float, bf16, bf16, _d128, 128, 2, attendPrefillTiled<float, bf16, 128, 4, 2>)
ATTEND_PREFILL(f32, float, bf16, bf16, _d256, 128, 1, attendPrefillTiled<float, bf16, 256, 4, 1>)
ATTEND_PREFILL(f32, float, f16, f16, _d64, 128, 2, attendPrefillTiled<float, f16, 64, 4, 2>)
ATTEND_PREFILL(f32, float, f16, f16, _d96, 128, 2, attendPrefillTiled<float, f16, 96, 4, 2>)
ATTEND_PREFILL(f32, float, f16, f16, _d128, 128, 2, attendPrefillTiled<float, f16, 128, 4, 2>)
ATTEND_PREFILL(f32, float, f16, f16, _d256, 128, 1, attendPrefillTiled<float, f16, 256, 4, 1>)
ATTEND_PREFILL(bf16, bf16, bf16, bf16, _d64, 128, 2, attendPrefillTiled<bf16, bf16, 64, 4, 2>)
ATTEND_PREFILL(bf16, bf16, bf16, bf16, _d96, 128, 2, attendPrefillTiled<bf16, bf16, 96, 4, 2>)
ATTEND_PREFILL(bf16, bf16, bf16, bf16, _d128, 128, 2, attendPrefillTiled<bf16, bf16, 128, 4, 2>)
ATTEND_PREFILL(bf16, bf16, bf16, bf16, _d256, 128, 1, attendPrefillTiled<bf16, bf16, 256, 4, 1>)
ATTEND_PREFILL(bf16, bf16, f16, f16, _d64, 128, 2, attendPrefillTiled<bf16, f16, 64, 4, 2>)
ATTEND_PREFILL(bf16, bf16, f16, f16, _d96, 128, 2, attendPrefillTiled<bf16, f16, 96, 4, 2>)
ATTEND_PREFILL(bf16, bf16, f16, f16, _d128, 128, 2, attendPrefillTiled<bf16, f16, 128, 4, 2>)
ATTEND_PREFILL(bf16, bf16, f16, f16, _d256, 128, 1, attendPrefillTiled<bf16, f16, 256, 4, 1>)
