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
#include "async_copy.cuh"
#include "flash_tile.cuh"
#include "plain_attention.cuh"
#include "prefill_span.cuh"
#include "shared_memory.cuh"

namespace quest {

template <typename Act, typename Kv>
__device__ __forceinline__ void attendPrefillPlain(Act* out, const Act* q, const Kv* keys, const Kv* values,
                                                   const PrefillSpan& span, const PagedKv& kv, int group,
                                                   int qStride, int outStride, float scale, float cap) {
  QUEST_DYNAMIC_SHARED(shared);
  const int headTiles = ceilDiv(group, kHeadsPerBlock);
  const int kvHead = blockIdx.y / headTiles;
  const int tileHead = blockIdx.y % headTiles * kHeadsPerBlock;
  const int heads = group - tileHead < kHeadsPerBlock ? group - tileHead : kHeadsPerBlock;
  if (static_cast<int>(blockIdx.x) >= span.rows) {
    return;  // uniform over the block
  }
  const size_t row = span.firstRow + blockIdx.x;
  const int position = span.firstPosition + blockIdx.x;
  const size_t channel = static_cast<size_t>(kvHead * group + tileHead) * kv.headDim;
  const CausalKeys source = {span.table, kv, kvHead, span.firstVisible(position)};
  const PlainShared layout = PlainShared::over(shared, heads, kv.headDim);
  const int from = source.firstVisible / kPlainKeys * kPlainKeys;  // blocks start at fixed positions
  plainAttention(layout, q + row * qStride + channel, keys, values, source, from, position + 1, heads, kv.headDim,
                 scale, cap);
  for (int i = threadIdx.x; i < heads * kv.headDim; i += blockDim.x) {
    out[row * outStride + channel + i] = fromFloat<Act>(layout.out[i] * layout.state[i / kv.headDim].normalizer());
  }
}

/** Starts the copy of a block's keys (or values); those that no row sees become zero. */
template <typename Kv, int D, int Threads>
__device__ __forceinline__ void startKeyBlock(Kv* tile, const Kv* cache, const KeyBlock& block) {
#pragma unroll 2  // whole, its addresses would spill beside the scores and sums
  for (int i = 0; i < kKeyBlock * D / 8; i += Threads) {
    const int chunk = i + threadIdx.x;
    const int key = chunk / (D / 8);
    const int channel = chunk % (D / 8) * 8;
    // 32 keys are whole warps of chunks, so a warp's lanes agree on the half that they read
    const int token = __shfl_sync(kAllLanes, key < kWarp ? block.token[0] : block.token[1], key % kWarp);
    const bool present = token >= 0;
    copyAsync(tile + key * kTileStride<D> + channel, cache + static_cast<size_t>(present ? token : 0) * D + channel,
              present);
  }
}

/** The queries of rows firstRow..firstRow + Rows - 1 of the span, rounded to the cache's type; none is zero. */
template <typename Act, typename Kv, int D, int Rows>
__device__ __forceinline__ void loadQueries(Kv* tile, const Act* q, int rows, int qStride) {
  for (int i = threadIdx.x; i < Rows * D / 8; i += blockDim.x) {
    const int row = i / (D / 8);
    const int channel = i % (D / 8) * 8;
    Pack<Kv, 8> narrow = {};
    if (row < rows) {
      float wide[8];
      loadEight(wide, q + static_cast<size_t>(row) * qStride + channel);
#pragma unroll
      for (int j = 0; j < 8; j++) {
        narrow.at[j] = fromFloat<Kv>(wide[j]);
      }
    }
    *reinterpret_cast<Pack<Kv, 8>*>(tile + row * kTileStride<D> + channel) = narrow;
  }
}

template <typename Act, typename Kv, int D, int Warps, int Tiles>
__device__ __forceinline__ void attendPrefillTiled(Act* out, const Act* q, const Kv* keys, const Kv* values,
                                                   const PrefillSpan& span, const PagedKv& kv, int group,
                                                   int qStride, int outStride, float scale, float) {  // without a cap
  QUEST_DYNAMIC_SHARED(shared);
  constexpr int kWarpRows = Tiles * 16;
  constexpr int kRows = Warps * kWarpRows;
  Kv* queryTile = reinterpret_cast<Kv*>(shared);
  Kv* keyTile = queryTile + kRows * kTileStride<D>;
  Kv* valueTile = keyTile + kKeyBlock * kTileStride<D>;
  const int tile = static_cast<int>(gridDim.x) - 1 - static_cast<int>(blockIdx.x);  // the longest tiles start first
  const int tileRow = tile * kRows;
  if (tileRow >= span.rows) {
    return;  // uniform over the block
  }
  const int rows = span.rows - tileRow < kRows ? span.rows - tileRow : kRows;
  const size_t batchRow = span.firstRow + tileRow;
  const size_t channel = static_cast<size_t>(blockIdx.y) * D;
  const int firstPosition = span.firstPosition + tileRow;
  const int end = firstPosition + rows;  // position after the tile's last
  const CausalKeys source = {span.table, kv, static_cast<int>(blockIdx.y) / group, span.firstVisible(firstPosition)};

  const int lane = threadIdx.x % kWarp;
  const int warpRow = threadIdx.x / kWarp * kWarpRows;
  const int warpFirst = firstPosition + warpRow;
  const int warpLast = warpFirst + kWarpRows - 1;
  const int window = span.window == 0 ? end + kRows : span.window;
  FlashRows<Kv, D> state[Tiles];
#pragma unroll
  for (int m = 0; m < Tiles; m++) {
    state[m].clear();
  }
  const int firstBlock = source.firstVisible / kKeyBlock * kKeyBlock;
  KeyBlocks blocks = KeyBlocks::of(source, firstBlock, end);
  KeyBlock block = blocks.next();
  startKeyBlock<Kv, D, Warps * kWarp>(keyTile, keys, block);
  commitCopies();
  loadQueries<Act, Kv, D, kRows>(queryTile, q + batchRow * qStride + channel, rows, qStride);
  for (int base = firstBlock; base < end; base += kKeyBlock) {
    waitCopies<0>();
    __syncthreads();  // the keys (and, the first time, the queries) have landed; all warps have read the last values
    startKeyBlock<Kv, D, Warps * kWarp>(valueTile, values, block);
    commitCopies();
    block = blocks.next();  // arrives behind the scores
    const bool seen = base <= warpLast && base + kKeyBlock > span.firstVisible(warpFirst);  // uniform over the warp
    FragmentC scores[Tiles][kKeyBlock / 8];
    if (seen) {
      tileScores<Kv, D, kKeyBlock, Tiles>(scores, queryTile + warpRow * kTileStride<D>, keyTile);
    }
    waitCopies<0>();
    __syncthreads();  // the values have landed; all warps have read the keys
    if (base + kKeyBlock < end) {
      startKeyBlock<Kv, D, Warps * kWarp>(keyTile, keys, block);
    }
    commitCopies();
    if (seen) {
      const bool whole = base + kKeyBlock - 1 <= warpFirst && base > warpLast - window;
#pragma unroll
      for (int m = 0; m < Tiles; m++) {
        if (whole) {
          state[m].template weigh<kKeyBlock, true>(scores[m], scale * kLog2E, [](int, int) { return true; });
        } else {
          const int mine = warpFirst + m * 16 + lane / 4 - base;  // the lane's first row, counted from the first key
          state[m].template weigh<kKeyBlock, true>(scores[m], scale * kLog2E, [=](int row, int key) {
            return key <= mine + 8 * row && key > mine + 8 * row - window;
          });
        }
      }
      gatherTiles<Kv, D, kKeyBlock, Tiles>(state, scores, valueTile);
    }
  }
#pragma unroll
  for (int m = 0; m < Tiles; m++) {
    state[m].finish();
#pragma unroll
    for (int i = 0; i < 2; i++) {
      const int row = warpRow + m * 16 + lane / 4 + 8 * i;
      if (row < rows) {
        const float normalizer = state[m].state[i].normalizer();
        Act* target = out + (batchRow + row) * outStride + channel + lane % 4 * 2;
#pragma unroll
        for (int d = 0; d < D / 8; d++) {
          target[d * 8] = fromFloat<Act>(state[m].out[d].at[2 * i] * normalizer);
          target[d * 8 + 1] = fromFloat<Act>(state[m].out[d].at[2 * i + 1] * normalizer);
        }
      }
    }
  }
}

}  // namespace quest

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
