// The forms of attend_prefill but for that on warpgroups, over the rows of a span or of a segment with its block lists.
// attend_prefill.cu has what they move, and why.
#pragma once

#include "async_copy.cuh"
#include "flash_tile.cuh"
#include "plain_attention.cuh"
#include "prefill_segment.cuh"
#include "prefill_votes.cuh"
#include "shared_memory.cuh"

namespace quest {

/**
 * The plain form where tiles may be left out: 64 rows of one query head, whose tile of logits stands in shared memory,
 * since all of them decide together.
 */
template <typename Act, typename Kv, typename Span>
__device__ __forceinline__ void attendPrefillPlainTile(Act* out, const Act* q, const Kv* keys, const Kv* values,
                                                       const Span& span, const PagedKv& kv, int group, int qStride,
                                                       int outStride, float scale, float cap) {
  QUEST_DYNAMIC_SHARED(shared);
  constexpr int kLogitStride = kKeyBlock + 1;
  size_t* offsets = reinterpret_cast<size_t*>(shared);             // (64) of key and value
  float* logits = reinterpret_cast<float*>(offsets + kKeyBlock);   // (64 rows, 64 keys), then weights
  float* sums = logits + kVotingRows * kLogitStride;               // (64 rows, D)
  float* factors = sums + kVotingRows * kv.headDim;                // (64 rows) what the last keys did to earlier ones
  const int tileRow = static_cast<int>(blockIdx.x) * kVotingRows;
  if (tileRow >= span.rows) {
    return;  // uniform over the block
  }
  const int rows = span.rows - tileRow < kVotingRows ? span.rows - tileRow : kVotingRows;
  const size_t batchRow = span.firstRow + tileRow;
  const size_t channel = static_cast<size_t>(blockIdx.y) * kv.headDim;
  const int firstPlace = span.firstPosition + tileRow;  // of the first row's own key
  const int end = firstPlace + rows;
  const typename Span::Keys source = span.keys(kv, static_cast<int>(blockIdx.y) / group, firstPlace);
  const int row = threadIdx.x;  // a thread of the first 64 has one
  SoftmaxState state = SoftmaxState::empty();
  int blocks = 0;
  for (int i = threadIdx.x; i < kVotingRows * kv.headDim; i += blockDim.x) {
    sums[i] = 0.0f;
  }
  for (int base = 0; base < end; base += kKeyBlock) {
    if (static_cast<int>(threadIdx.x) < kKeyBlock) {
      offsets[threadIdx.x] = base + row < end ? source.offsetOf(base + row) : kNoKey;
    }
    __syncthreads();  // the offsets are written; the weights and offsets before have been read
    for (int i = threadIdx.x; i < kVotingRows * kKeyBlock; i += blockDim.x) {
      const int of = i / kKeyBlock;
      const size_t offset = offsets[i % kKeyBlock];
      float logit = negativeInfinity();
      if (of < rows && offset != kNoKey && base + i % kKeyBlock <= firstPlace + of) {
        logit = 0.0f;
        for (int c = 0; c < kv.headDim; c += 8) {
          const Act* query = q + (batchRow + of) * qStride + channel + c;  // a view of q need not be aligned
          float key[8];
          loadEight(key, keys + offset + c);
#pragma unroll
          for (int j = 0; j < 8; j++) {
            logit += toFloat(query[j]) * key[j];
          }
        }
        logit *= scale;
        logit = (cap == 0.0f ? logit : cap * tanhf(logit / cap)) * kLog2E;
      }
      logits[of * kLogitStride + i % kKeyBlock] = logit;
    }
    __syncthreads();  // the logits are there
    float best = negativeInfinity();
    if (row < rows) {
      for (int j = 0; j < kKeyBlock; j++) {
        best = Max::combine(best, logits[row * kLogitStride + j]);
      }
    }
    if (!__syncthreads_or(best > negativeInfinity() && !(best - state.maximum < span.margin))) {
      continue;  // uniform over the block
    }
    if (row < rows) {
      factors[row] = state.raise(best);
      for (int j = 0; j < kKeyBlock; j++) {
        float& weight = logits[row * kLogitStride + j];
        weight = state.weight(weight);
        state.sum += weight;
      }
      blocks += span.blocksOf(base, firstPlace + row);
    }
    __syncthreads();  // weights and factors are there
    for (int i = threadIdx.x; i < rows * kv.headDim; i += blockDim.x) {
      const int of = i / kv.headDim;
      float sum = sums[i] * factors[of];
      for (int j = 0; j < kKeyBlock; j++) {
        if (offsets[j] != kNoKey && base + j <= firstPlace + of) {
          sum += logits[of * kLogitStride + j] * toFloat(values[offsets[j] + i % kv.headDim]);
        }
      }
      sums[i] = sum;
    }
    __syncthreads();  // the sums have read the offsets
  }
  if (row < rows) {
    factors[row] = state.normalizer();
    span.leave(batchRow + row, tileRow + row, blockIdx.y, state.logSumExp());
    span.count(batchRow + row, blocks);
  }
  __syncthreads();  // the factors are there; also those of the last tile have been read
  for (int i = threadIdx.x; i < rows * kv.headDim; i += blockDim.x) {
    const int of = i / kv.headDim;
    out[(batchRow + of) * outStride + channel + i % kv.headDim] = fromFloat<Act>(sums[i] * factors[of]);
  }
}

template <typename Act, typename Kv, typename Span>
__device__ __forceinline__ void attendPrefillPlain(Act* out, const Act* q, const Kv* keys, const Kv* values,
                                                   const Span& span, const PagedKv& kv, int group,
                                                   int qStride, int outStride, float scale, float cap) {
  if constexpr (Span::kSkips) {
    attendPrefillPlainTile(out, q, keys, values, span, kv, group, qStride, outStride, scale, cap);
    return;
  }
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
  const typename Span::Keys source = span.keys(kv, kvHead, position);
  const PlainShared layout = PlainShared::over(shared, heads, kv.headDim);
  const int from = source.firstVisible / kPlainKeys * kPlainKeys;  // blocks start at fixed positions
  plainAttention(layout, q + row * qStride + channel, keys, values, source, from, position + 1, heads, kv.headDim,
                 scale, cap);
  for (int i = threadIdx.x; i < heads * kv.headDim; i += blockDim.x) {
    out[row * outStride + channel + i] = fromFloat<Act>(layout.out[i] * layout.state[i / kv.headDim].normalizer());
  }
  if (Span::kListed && static_cast<int>(threadIdx.x) < heads) {
    span.leave(row, blockIdx.x, kvHead * group + tileHead + threadIdx.x, layout.state[threadIdx.x].logSumExp());
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

template <typename Act, typename Kv, int D, int Warps, int Tiles, typename Span>
__device__ __forceinline__ void attendPrefillTiled(Act* out, const Act* q, const Kv* keys, const Kv* values,
                                                   const Span& span, const PagedKv& kv, int group,
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
  const typename Span::Keys source = span.keys(kv, static_cast<int>(blockIdx.y) / group, firstPosition);

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
  // Beside the queries, in what pads their rows: at D = 256 nothing else is left of sm_86's shared memory.
  const TileVotes<Span::kSkips, kWarpRows, Warps> votes(reinterpret_cast<int*>(queryTile + D),
                                                        kTileStride<D> * sizeof(Kv) / sizeof(int));
  const int firstBlock = source.firstVisible / kKeyBlock * kKeyBlock;
  typename Span::Blocks blocks = Span::Blocks::of(source, firstBlock, end);
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
    if constexpr (Span::kSkips) {
      bool wanted = false;
      if (seen) {
        const int hidden = span.firstPlace - base;  // keys that stand before the first
        const bool whole = base + kKeyBlock - 1 <= warpFirst && hidden <= 0;
#pragma unroll
        for (int m = 0; m < Tiles; m++) {
          const int row = warpRow + m * 16 + lane / 4;  // the lane's first
          if (!whole) {
            const int mine = firstPosition + row - base;  // counted from the first key
            hideScores<kKeyBlock>(scores[m],
                                  [=](int of, int key) { return key <= mine + 8 * of && key >= hidden; });
          }
          wanted |= state[m].template wants<kKeyBlock>(scores[m], scale * kLog2E, span.margin, rows - row);
        }
      }
      votes.put(__any_sync(kAllLanes, wanted));
    }
    waitCopies<0>();
    __syncthreads();  // the values (and votes) have landed; all warps have read the keys
    if (base + kKeyBlock < end) {
      startKeyBlock<Kv, D, Warps * kWarp>(keyTile, keys, block);
    }
    commitCopies();
    if constexpr (Span::kSkips) {
      if (seen && votes.any()) {
#pragma unroll
        for (int m = 0; m < Tiles; m++) {
          state[m].template weigh<kKeyBlock, true>(scores[m], scale * kLog2E, [](int, int) { return true; });
        }
        gatherTiles<Kv, D, kKeyBlock, Tiles>(state, scores, valueTile);
        votes.count(span, base, firstPosition);
      }
    } else if (seen) {
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
        if (Span::kListed && lane % 4 == 0) {
          span.leave(batchRow + row, tileRow + row, blockIdx.y, state[m].state[i].logSumExp());
          if constexpr (Span::kSkips) {
            span.count(batchRow + row, votes.counted(row));
          }
        }
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
