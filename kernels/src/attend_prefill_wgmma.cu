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
#include "async_copy.cuh"
#include "flash_tile.cuh"
#include "prefill_span.cuh"
#include "shared_memory.cuh"
#include "wgmma_attention.cuh"

namespace quest {

#ifdef QUEST_HAS_WGMMA

/** A thread's share of the copies of key blocks into panels: chunk (16 bytes) t % 16 of rows t / 16, t / 16 + kRows, .. */
template <typename Kv, int Threads>
struct KeyBlockCopies {
  static constexpr int kRows = Threads / 16;  // at once
  static_assert(kRows % 8 == 0, "a thread's rows have the same swizzle");

  const char* keys;       // the thread's chunk of token 0
  const char* values;
  unsigned char* target;  // the thread's first row and chunk of a panel tile
  int row;

  static __device__ __forceinline__ KeyBlockCopies of(unsigned char* tiles, const Kv* keys, const Kv* values) {
    const int chunk = threadIdx.x % 16;
    const int row = threadIdx.x / 16;
    return {reinterpret_cast<const char*>(keys) + chunk * 16, reinterpret_cast<const char*>(values) + chunk * 16,
            tiles + panelAt(row, chunk), row};
  }

  /** Starts the copies to the tiles at `keyTile` and `valueTile` bytes; keys that no row sees become zero. */
  __device__ __forceinline__ void start(const KeyBlock& block, int keyTile, int valueTile) const {
#pragma unroll
    for (int from = 0; from < kKeyBlock; from += kRows) {
      if (from + kRows > kKeyBlock && row >= kKeyBlock - from) {
        break;  // uniform over the warp
      }
      const int holder = from + kRows <= kWarp ? block.token[0]
                         : from >= kWarp       ? block.token[1]
                         : row < kWarp - from  ? block.token[0]
                                               : block.token[1];
      const int token = __shfl_sync(kAllLanes, holder, (from + row) % kWarp);
      const size_t offset = static_cast<size_t>(static_cast<unsigned>(max(token, 0))) * 256;
      unsigned char* at = target + from * kWgmmaRowBytes;
      copyAsync(at + keyTile, keys + offset, token >= 0);
      copyAsync(at + valueTile, values + offset, token >= 0);
    }
  }
};

/** The queries of a tile as panels of 64 rows, rounded to the cache's type; those past the span are zero. */
template <typename Act, typename Kv, int Rows>
__device__ __forceinline__ void loadQueryPanels(unsigned char* tile, const Act* q, int rows, int qStride) {
  for (int i = threadIdx.x; i < Rows * 16; i += blockDim.x) {
    const int row = i / 16;
    const int chunk = i % 16;
    Pack<Kv, 8> narrow = {};
    if (row < rows) {
      float wide[8];
      loadEight(wide, q + static_cast<size_t>(row) * qStride + chunk * 8);
#pragma unroll
      for (int j = 0; j < 8; j++) {
        narrow.at[j] = fromFloat<Kv>(wide[j]);
      }
    }
    *reinterpret_cast<Pack<Kv, 8>*>(tile + row / 64 * kPanelTileBytes + panelAt(row % 64, chunk)) = narrow;
  }
}

#endif

template <typename Act, typename Kv, int Groups>
__device__ __forceinline__ void attendPrefillWgmma(Act* out, const Act* q, const Kv* keys, const Kv* values,
                                                   const PrefillSpan& span, const PagedKv& kv, int group,
                                                   int qStride, int outStride, float scale, float) {  // without a cap
#ifdef QUEST_HAS_WGMMA
  QUEST_DYNAMIC_SHARED(shared);
  constexpr int kRows = Groups * 64;
  constexpr int kThreads = Groups * 128;
  unsigned char* queryTile = shared + (1024 - sharedAddress(shared) % 1024) % 1024;
  unsigned char* keyTile = queryTile + Groups * kPanelTileBytes;
  unsigned char* valueTile = keyTile + 2 * kPanelTileBytes;
  const auto copies = KeyBlockCopies<Kv, kThreads>::of(keyTile, keys, values);
  const int tile = static_cast<int>(gridDim.x) - 1 - static_cast<int>(blockIdx.x);  // the longest tiles start first
  const int tileRow = tile * kRows;
  if (tileRow >= span.rows) {
    return;  // uniform over the block
  }
  const int rows = span.rows - tileRow < kRows ? span.rows - tileRow : kRows;
  const size_t batchRow = span.firstRow + tileRow;
  const size_t channel = static_cast<size_t>(blockIdx.y) * 128;
  const int firstPosition = span.firstPosition + tileRow;
  const int end = firstPosition + rows;  // position after the tile's last
  const CausalKeys source = {span.table, kv, static_cast<int>(blockIdx.y) / group, span.firstVisible(firstPosition)};

  const int lane = threadIdx.x % kWarp;
  const int groupRow = threadIdx.x / 128 * 64;
  const int warpRow = groupRow + threadIdx.x / kWarp % 4 * 16;
  const int groupFirst = firstPosition + groupRow;
  const int groupLast = groupFirst + 63;
  const int window = span.window == 0 ? end + kRows : span.window;
  const int firstBlock = source.firstVisible / kKeyBlock * kKeyBlock;
  KeyBlocks blocks = KeyBlocks::of(source, firstBlock, end);
  KeyBlock block = blocks.next();
  copies.start(block, 0, 2 * kPanelTileBytes);
  commitCopies();
  loadQueryPanels<Act, Kv, kRows>(queryTile, q + batchRow * qStride + channel, rows, qStride);
  const unsigned char* groupQueries = queryTile + groupRow / 64 * kPanelTileBytes;
  FlashRows<Kv, 128> state;
  state.clear();
  block = blocks.next();
  int buffer = 0;
  for (int base = firstBlock; base < end; base += kKeyBlock) {
    waitCopies<0>();
    publishCopies();
    const KeyBlock after = blocks.next();  // arrives behind the products
    __syncthreads();  // this block (and, the first time, the queries) has landed; all have read the one before
    const int other = (buffer ^ 1) * kPanelTileBytes;
    copies.start(block, other, 2 * kPanelTileBytes + other);
    commitCopies();
    block = after;
    // uniform over the warpgroup
    if (groupRow < rows && base <= groupLast && base + kKeyBlock > span.firstVisible(groupFirst)) {
      FragmentC scores[kKeyBlock / 8];
      beginWgmma();
#pragma unroll
      for (int k = 0; k < 128; k += 16) {
        wgmmaScores<Kv>(scores, panelChannels(groupQueries, k), panelChannels(keyTile + buffer * kPanelTileBytes, k),
                        k > 0);
      }
      commitWgmma();
      waitWgmma<0>();
      if (base + kKeyBlock - 1 <= groupFirst && base > groupLast - window) {
        state.template weigh<kKeyBlock, true>(scores, scale * kLog2E, [](int, int) { return true; });
      } else {
        const int mine = firstPosition + warpRow + lane / 4 - base;  // the lane's first row, from the first key
        state.template weigh<kKeyBlock, true>(scores, scale * kLog2E, [=](int row, int key) {
          return key <= mine + 8 * row && key > mine + 8 * row - window;
        });
      }
      FragmentA weights[kKeyBlock / 16];
#pragma unroll
      for (int n = 0; n < kKeyBlock / 16; n++) {
        weights[n] = {{packHalves<Kv>(scores[2 * n].at[0], scores[2 * n].at[1]),
                       packHalves<Kv>(scores[2 * n].at[2], scores[2 * n].at[3]),
                       packHalves<Kv>(scores[2 * n + 1].at[0], scores[2 * n + 1].at[1]),
                       packHalves<Kv>(scores[2 * n + 1].at[2], scores[2 * n + 1].at[3])}};
      }
      beginWgmma();
#pragma unroll
      for (int n = 0; n < kKeyBlock / 16; n++) {
        wgmmaGather<Kv>(state.out, weights[n], panelRows(valueTile + buffer * kPanelTileBytes, n * 16));
      }
      commitWgmma();
      waitWgmma<0>();
    }
    buffer ^= 1;
  }
  waitCopies<0>();
  state.finish();
#pragma unroll
  for (int i = 0; i < 2; i++) {
    const int row = warpRow + lane / 4 + 8 * i;
    if (row < rows) {
      const float normalizer = state.state[i].normalizer();
      Act* target = out + (batchRow + row) * outStride + channel + lane % 4 * 2;
#pragma unroll
      for (int d = 0; d < 16; d++) {
        target[d * 8] = fromFloat<Act>(state.out[d].at[2 * i] * normalizer);
        target[d * 8 + 1] = fromFloat<Act>(state.out[d].at[2 * i + 1] * normalizer);
      }
    }
  }
#endif
}

}  // namespace quest

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
