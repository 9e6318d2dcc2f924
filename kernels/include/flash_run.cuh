// Decode attention on tensor cores: each warp of a block walks its own run of a split's tokens, 16 at a time, through a
// private pipeline in shared memory (no block barrier in the loop); then the warps' softmax states are joined.
// The sixteen rows of a tile are the query heads of one KV head's group, so each key and value is read once for all.
#pragma once

#include "async_copy.cuh"
#include "flash_tile.cuh"
#include "listed_tokens.cuh"

namespace quest {

constexpr int kWarpTile = 16;     // tokens of one tile
constexpr int kWarpBatch = 64;    // tokens whose places a warp looks up at once, two per lane
constexpr int kStages = 2;        // tiles per warp in shared memory: one under way, one in use

/** The places of a warp's next kWarpBatch tokens. */
struct TokenBatch {
  size_t offset[2];            // of tokens lane and lane + 32
  unsigned long long visible;  // bit j: token j exists and the row sees it

  static __device__ __forceinline__ TokenBatch of(const ListedTokens& listed, int from, int to) {
    TokenBatch batch;
    unsigned visible[2];
#pragma unroll
    for (int i = 0; i < 2; i++) {
      const int j = from + i * kWarp + static_cast<int>(threadIdx.x) % kWarp;
      const size_t offset = j < to ? listed.offsetOf(j) : kNoKey;
      visible[i] = __ballot_sync(kAllLanes, offset != kNoKey);
      batch.offset[i] = offset == kNoKey ? 0 : offset;
    }
    batch.visible = visible[0] | static_cast<unsigned long long>(visible[1]) << kWarp;
    return batch;
  }

  /** Which tokens of tile `tile` (of the batch) count. */
  __device__ __forceinline__ unsigned visibleIn(int tile) const {
    return static_cast<unsigned>(visible >> (tile * kWarpTile)) & 0xffffu;
  }
};

/** Starts the copy of one tile's keys and values; what the row does not see becomes zero, never NaN. */
template <typename Kv, int D>
__device__ __forceinline__ void startTile(Kv* stage, const Kv* keys, const Kv* values, const TokenBatch& batch,
                                          int tile) {
  const unsigned visible = batch.visibleIn(tile);
  const size_t offset = tile < 2 ? batch.offset[0] : batch.offset[1];
#pragma unroll
  for (int i = 0; i < kWarpTile * D / 8; i += kWarp) {
    const int chunk = i + threadIdx.x % kWarp;
    const int token = chunk / (D / 8);
    const int channel = chunk % (D / 8) * 8;
    const size_t at = __shfl_sync(kAllLanes, offset, tile % 2 * kWarpTile + token) + channel;
    Kv* target = stage + token * kTileStride<D> + channel;
    copyAsync(target, keys + at, visible >> token & 1u);
    copyAsync(target + kWarpTile * kTileStride<D>, values + at, visible >> token & 1u);
  }
}

/** One warp over its run of the split's tokens, two tiles at a time in its own shared memory. */
template <typename Kv, int D>
__device__ __forceinline__ void attendRun(FlashRows<Kv, D>& rows, const Kv* q, Kv* stages, const Kv* keys,
                                          const Kv* values, const ListedTokens& listed, int from, int to,
                                          float scale) {
  constexpr int kStageElements = 2 * kWarpTile * kTileStride<D>;
  constexpr int kBatchTiles = kWarpBatch / kWarpTile;
  const int tiles = from < to ? ceilDiv(to - from, kWarpTile) : 0;
  TokenBatch batch = TokenBatch::of(listed, from, to);
  TokenBatch ahead = batch;
  rows.clear();
  for (int tile = 0; tile < kStages; tile++) {
    if (tile < tiles) {
      startTile<Kv, D>(stages + tile * kStageElements, keys, values, batch, tile);
    }
    commitCopies();
  }
  for (int tile = 0; tile < tiles; tile++) {
    Kv* stage = stages + tile % kStages * kStageElements;
    const unsigned visible = batch.visibleIn(tile % kBatchTiles);
    waitCopies<kStages - 1>();
    __syncwarp();  // every lane's copies of this tile have landed
    FragmentC scores[kWarpTile / 8];
    tileScores<Kv, D, kWarpTile>(scores, q, stage);
    rows.template weigh<kWarpTile>(scores, scale * kLog2E, [=](int, int key) { return visible >> key & 1u; });
    rows.template gather<kWarpTile>(scores, stage + kWarpTile * kTileStride<D>);
    __syncwarp();  // every lane has read the tile before its place is filled again
    const int next = tile + kStages;
    if (next % kBatchTiles == 0) {
      ahead = TokenBatch::of(listed, from + next * kWarpTile, to);
    }
    if (next < tiles) {
      startTile<Kv, D>(stage, keys, values, ahead, next % kBatchTiles);
    }
    commitCopies();
    if ((tile + 1) % kBatchTiles == 0) {
      batch = ahead;
    }
  }
  waitCopies<0>();  // nothing of this warp writes to shared memory after this
  rows.finish();
}

/** Joins the warps' states of a split: out (heads, D) and state (heads) at the start of each region. */
template <typename Kv, int D, int Warps>
__device__ __forceinline__ void joinWarps(float* out, SoftmaxState* joined, SoftmaxState* perWarp,
                                          const FlashRows<Kv, D>& rows, int heads) {
  const int warp = threadIdx.x / kWarp;
  const int lane = threadIdx.x % kWarp;
#pragma unroll
  for (int i = 0; i < 2; i++) {
    const int head = lane / 4 + 8 * i;
    if (head < heads) {
#pragma unroll
      for (int d = 0; d < D / 8; d++) {
        float* at = out + (warp * kHeadsPerBlock + head) * D + d * 8 + lane % 4 * 2;
        at[0] = rows.out[d].at[2 * i];
        at[1] = rows.out[d].at[2 * i + 1];
      }
      if (lane % 4 == 0) {
        perWarp[warp * kHeadsPerBlock + head] = rows.state[i];
      }
    }
  }
  __syncthreads();  // all warps' states are written before they are joined
  for (int i = threadIdx.x; i < heads * D; i += blockDim.x) {
    const int head = i / D;
    SoftmaxState whole = SoftmaxState::empty();
    for (int w = 0; w < Warps; w++) {
      whole.maximum = Max::combine(whole.maximum, perWarp[w * kHeadsPerBlock + head].maximum);
    }
    float sum = 0.0f;
    for (int w = 0; w < Warps; w++) {
      const SoftmaxState part = perWarp[w * kHeadsPerBlock + head];
      const float weight = whole.weight(part.maximum);
      whole.sum += weight * part.sum;
      sum += weight * out[w * kHeadsPerBlock * D + i];
    }
    out[i] = sum;  // warp 0's place of the same (head, channel), which no other thread reads
    if (i % D == 0) {
      joined[head] = whole;
    }
  }
  __syncthreads();  // the joined state is complete
}

}  // namespace quest
