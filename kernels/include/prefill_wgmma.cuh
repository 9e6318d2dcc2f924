// The form of attend_prefill on warpgroups, over the rows of a span or of a segment with its block lists.
// attend_prefill_wgmma.cu has what it moves, and why.
#pragma once

#include "async_copy.cuh"
#include "flash_tile.cuh"
#include "prefill_segment.cuh"
#include "prefill_votes.cuh"
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

template <typename Act, typename Kv, int Groups, typename Span>
__device__ __forceinline__ void attendPrefillWgmma(Act* out, const Act* q, const Kv* keys, const Kv* values,
                                                   const Span& span, const PagedKv& kv, int group,
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
  const typename Span::Keys source = span.keys(kv, static_cast<int>(blockIdx.y) / group, firstPosition);

  const int lane = threadIdx.x % kWarp;
  const int groupRow = threadIdx.x / 128 * 64;
  const int warpRow = groupRow + threadIdx.x / kWarp % 4 * 16;
  const int groupFirst = firstPosition + groupRow;
  const int groupLast = groupFirst + 63;
  const int window = span.window == 0 ? end + kRows : span.window;
  const int firstBlock = source.firstVisible / kKeyBlock * kKeyBlock;
  typename Span::Blocks blocks = Span::Blocks::of(source, firstBlock, end);
  KeyBlock block = blocks.next();
  copies.start(block, 0, 2 * kPanelTileBytes);
  commitCopies();
  loadQueryPanels<Act, Kv, kRows>(queryTile, q + batchRow * qStride + channel, rows, qStride);
  const unsigned char* groupQueries = queryTile + groupRow / 64 * kPanelTileBytes;
  FlashRows<Kv, 128> state;
  state.clear();
  __shared__ int ofVotes[Span::kSkips ? 2 * kRows : 1];
  const TileVotes<Span::kSkips, 16, Groups * 4> votes(ofVotes, 2);
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
      bool read = true;
      if constexpr (Span::kSkips) {
        const int hidden = span.firstPlace - base;     // keys that stand before the first
        const int row = warpRow + lane / 4;            // the lane's first
        if (base + kKeyBlock - 1 > groupFirst || hidden > 0) {
          const int mine = firstPosition + row - base;  // counted from the first key
          hideScores<kKeyBlock>(scores, [=](int of, int key) { return key <= mine + 8 * of && key >= hidden; });
        }
        const bool wanted = state.template wants<kKeyBlock>(scores, scale * kLog2E, span.margin, rows - row);
        votes.put(__any_sync(kAllLanes, wanted));
        syncWarpgroup();  // the warpgroup's votes are written before anyone goes by them
        read = votes.any();
        if (read) {
          votes.count(span, base, firstPosition);
          state.template weigh<kKeyBlock, true>(scores, scale * kLog2E, [](int, int) { return true; });
        }
      } else if (base + kKeyBlock - 1 <= groupFirst && base > groupLast - window) {
        state.template weigh<kKeyBlock, true>(scores, scale * kLog2E, [](int, int) { return true; });
      } else {
        const int mine = firstPosition + warpRow + lane / 4 - base;  // the lane's first row, from the first key
        state.template weigh<kKeyBlock, true>(scores, scale * kLog2E, [=](int row, int key) {
          return key <= mine + 8 * row && key > mine + 8 * row - window;
        });
      }
      if (read) {  // uniform over the warpgroup
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
    }
    buffer ^= 1;
  }
  waitCopies<0>();
  state.finish();
#pragma unroll
  for (int i = 0; i < 2; i++) {
    const int row = warpRow + lane / 4 + 8 * i;
    if (row < rows) {
      if (Span::kListed && lane % 4 == 0) {
        span.leave(batchRow + row, tileRow + row, blockIdx.y, state.state[i].logSumExp());
        if constexpr (Span::kSkips) {
          span.count(batchRow + row, votes.counted(row));
        }
      }
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
