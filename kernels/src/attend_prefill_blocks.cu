// attend_prefill with block lists: causal attention of the rows of segments over the key blocks that a list names for
// each segment and KV head, and over the segment's own keys. Forms, grids and shared memory are those of
// attend_prefill.cu, with segments in the place of spans: tiles begin anew at each.
//
//   out, q (R, Hq * D) indexed by batch row   logSumExp (R, Hq)   counters (R): blocks computed, over query heads
//   list (segments * Hkv, maxBlocks) ascending   listCount (segments * Hkv)
//   segmentRows (segments + 1) batch rows   segmentStarts (segments) positions
//
// Moves and computes what attend_prefill.cu does, for the keys listed.
//
// attend_prefill_skip leaves out tiles of 64 rows and 64 keys besides (engine.ops.prefill.TileSkipping says which): their
// scores are computed, their weights and values are not. `margin` is how far in base 2 a tile's largest scores may lie
// below those before, a negative number.
//   no suffix  of attend_prefill_skip: grid (ceil(longest segment / 64), Hq, segments) blocks of 128 threads; dynamic
//              shared memory 512 + 64 * (4 * 65 + 4 * D + 4) bytes.
#include "prefill_tile.cuh"

// A segment in shared memory or in registers.
#define SEGMENT(shared) SEGMENT_##shared
#define SEGMENT_true __shared__
#define SEGMENT_false
#define OF_HEADS (static_cast<int>(blockIdx.y) / group)
#define OF_HEAD_TILES (static_cast<int>(blockIdx.y) / quest::ceilDiv(group, quest::kHeadsPerBlock))

#define ATTEND_PREFILL_BLOCKS(act, Act, dtype, Kv, suffix, threads, blocks, shared, kvHead, ...)                       \
  extern "C" __global__ void __launch_bounds__(threads, blocks) attend_prefill_blocks_##act##_##dtype##suffix(         \
      Act* __restrict__ out, float* __restrict__ logSumExp, unsigned long long* __restrict__ counters,                 \
      const Act* __restrict__ q, const Kv* __restrict__ keys, const Kv* __restrict__ values,                           \
      const int* __restrict__ list, const int* __restrict__ listCount, const int* __restrict__ segmentRows,            \
      const int* __restrict__ segmentStarts, const int* __restrict__ rowSpan, const int* __restrict__ spanPages,       \
      const int* __restrict__ pageTable, int maxBlocks, int block, int kvHeads, int headDim, int pageSize,             \
      int group, int qStride, int outStride, int lseStride, float scale, float cap) {                                  \
    SEGMENT(shared) quest::PrefillSegment<false> segment;                                                              \
    segment.template load<shared>(segment, blockIdx.z, kvHead, kvHeads, list, listCount, segmentRows,                  \
                                   segmentStarts, rowSpan, spanPages, pageTable, maxBlocks, block, group, logSumExp,   \
                                   lseStride, counters, 0.0f);                                                         \
    quest::__VA_ARGS__(out, q, keys, values, segment, quest::PagedKv{kvHeads, headDim, pageSize}, group, qStride,      \
                       outStride, scale, cap);                                                                         \
  }                                                                                                                    \
  extern "C" __global__ void __launch_bounds__(threads, blocks) attend_prefill_skip_##act##_##dtype##suffix(           \
      Act* __restrict__ out, float* __restrict__ logSumExp, unsigned long long* __restrict__ counters,                 \
      const Act* __restrict__ q, const Kv* __restrict__ keys, const Kv* __restrict__ values,                           \
      const int* __restrict__ list, const int* __restrict__ listCount, const int* __restrict__ segmentRows,            \
      const int* __restrict__ segmentStarts, const int* __restrict__ rowSpan, const int* __restrict__ spanPages,       \
      const int* __restrict__ pageTable, int maxBlocks, int block, int kvHeads, int headDim, int pageSize,             \
      int group, int qStride, int outStride, int lseStride, float scale, float cap, float margin) {                    \
    SEGMENT(shared) quest::PrefillSegment<true> segment;                                                               \
    segment.template load<shared>(segment, blockIdx.z, OF_HEADS, kvHeads, list, listCount, segmentRows,                \
                                   segmentStarts, rowSpan, spanPages, pageTable, maxBlocks, block, group, logSumExp,   \
                                   lseStride, counters, margin);                                                       \
    quest::__VA_ARGS__(out, q, keys, values, segment, quest::PagedKv{kvHeads, headDim, pageSize}, group, qStride,      \
                       outStride, scale, cap);                                                                         \
  }

ATTEND_PREFILL_BLOCKS(f32, float, f32, float, , 128, 4, true, OF_HEAD_TILES, attendPrefillPlain)
ATTEND_PREFILL_BLOCKS(f32, float, bf16, bf16, , 128, 4, true, OF_HEAD_TILES, attendPrefillPlain)
ATTEND_PREFILL_BLOCKS(f32, float, f16, f16, , 128, 4, true, OF_HEAD_TILES, attendPrefillPlain)
ATTEND_PREFILL_BLOCKS(bf16, bf16, bf16, bf16, , 128, 4, true, OF_HEAD_TILES, attendPrefillPlain)
ATTEND_PREFILL_BLOCKS(bf16, bf16, f16, f16, , 128, 4, true, OF_HEAD_TILES, attendPrefillPlain)
ATTEND_PREFILL_BLOCKS(f32, float, bf16, bf16, _d64, 128, 2, true, OF_HEADS, attendPrefillTiled<float, bf16, 64, 4, 2>)
ATTEND_PREFILL_BLOCKS(f32, float, bf16, bf16, _d96, 128, 2, true, OF_HEADS, attendPrefillTiled<float, bf16, 96, 4, 2>)
ATTEND_PREFILL_BLOCKS(f32, float, bf16, bf16, _d128, 128, 2, true, OF_HEADS, attendPrefillTiled<float, bf16, 128, 4, 2>)
ATTEND_PREFILL_BLOCKS(f32, float, bf16, bf16, _d256, 128, 1, false, OF_HEADS, attendPrefillTiled<float, bf16, 256, 4, 1>)
ATTEND_PREFILL_BLOCKS(f32, float, f16, f16, _d64, 128, 2, true, OF_HEADS, attendPrefillTiled<float, f16, 64, 4, 2>)
ATTEND_PREFILL_BLOCKS(f32, float, f16, f16, _d96, 128, 2, true, OF_HEADS, attendPrefillTiled<float, f16, 96, 4, 2>)
ATTEND_PREFILL_BLOCKS(f32, float, f16, f16, _d128, 128, 2, true, OF_HEADS, attendPrefillTiled<float, f16, 128, 4, 2>)
ATTEND_PREFILL_BLOCKS(f32, float, f16, f16, _d256, 128, 1, false, OF_HEADS, attendPrefillTiled<float, f16, 256, 4, 1>)
ATTEND_PREFILL_BLOCKS(bf16, bf16, bf16, bf16, _d64, 128, 2, true, OF_HEADS, attendPrefillTiled<bf16, bf16, 64, 4, 2>)
ATTEND_PREFILL_BLOCKS(bf16, bf16, bf16, bf16, _d96, 128, 2, true, OF_HEADS, attendPrefillTiled<bf16, bf16, 96, 4, 2>)
ATTEND_PREFILL_BLOCKS(bf16, bf16, bf16, bf16, _d128, 128, 2, true, OF_HEADS, attendPrefillTiled<bf16, bf16, 128, 4, 2>)
ATTEND_PREFILL_BLOCKS(bf16, bf16, bf16, bf16, _d256, 128, 1, false, OF_HEADS, attendPrefillTiled<bf16, bf16, 256, 4, 1>)
ATTEND_PREFILL_BLOCKS(bf16, bf16, f16, f16, _d64, 128, 2, true, OF_HEADS, attendPrefillTiled<bf16, f16, 64, 4, 2>)
ATTEND_PREFILL_BLOCKS(bf16, bf16, f16, f16, _d96, 128, 2, true, OF_HEADS, attendPrefillTiled<bf16, f16, 96, 4, 2>)
ATTEND_PREFILL_BLOCKS(bf16, bf16, f16, f16, _d128, 128, 2, true, OF_HEADS, attendPrefillTiled<bf16, f16, 128, 4, 2>)
ATTEND_PREFILL_BLOCKS(bf16, bf16, f16, f16, _d256, 128, 1, false, OF_HEADS, attendPrefillTiled<bf16, f16, 256, 4, 1>)
