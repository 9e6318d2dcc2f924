// Decode attention on tensor cores: each warp of a block walks its own run of a split's tokens, 16 at a time, through a
// private pipeline in shared memory (no block barrier in the loop); then the warps' softmax states are joined.
// The sixteen rows of a tile are the query heads of one KV head's group, so each key and value is read once for all.
#pragma once

#include "async_copy.cuh"
#include "flash_tile.cuh"
#include "listed_tokens.cuh"

namespace quest {

constexpr int kWarpTile = 16;  // tokens of one tile; divides the page size, so that a tile lies within one page
constexpr int kStages = 2;     // tiles per warp in shared memory: one under way, one in use

/** The places of a warp's next 32 tiles: each lane looks up one. */
struct TileBatch {
  size_t offset;     // of the first key's first channel
  unsigned visible;  // bit j: the tile's token j exists and the row sees it

  /** Tiles of the tokens from..to - 1 of a list; `from` is a multiple of 16. */
  static __device__ __forceinline__ TileBatch of(const ListedTokens& listed, int from, int to) {
    const int first = from + static_cast<int>(threadIdx.x) % kWarp * kWarpTile;
    if (first >= to) {
      return {0, 0u};
    }
    const int page = listed.list[first / listed.kv.pageSize];
    const int slot = first % listed.kv.pageSize;
    return {listed.kv.token(listed.row.table[page], listed.kvHead, slot),
            listed.visibleOf(page * listed.kv.pageSize + slot, min(kWarpTile, to - first))};
  }
};

/**
 * One warp's run of a split's tokens, two tiles at a time in its own shared memory. The copies of the first tiles are
 * started as soon as the run is made, so that they are under way while the block prepares its queries.
 */
template <typename Kv, int D>
struct FlashRun {
  static constexpr int kTileElements = kWarpTile * kTileStride<D>;
  static constexpr int kRowChunks = D / 8;  // of 16 bytes

  const ListedTokens& listed;
  const Kv* keys;
  const Kv* values;
  Kv* stages;
  int from;
  int to;
  int tiles;
  TileBatch batch;
  unsigned visible[kStages];  // of the tile in use and those under way

  __device__ __forceinline__ FlashRun(Kv* stages, const Kv* keys, const Kv* values, const ListedTokens& listed,
                                      int from, int to)
      : listed(listed), keys(keys), values(values), stages(stages), from(from), to(to) {
    tiles = from < to ? ceilDiv(to - from, kWarpTile) : 0;
    batch = TileBatch::of(listed, from, to);
#pragma unroll
    for (int tile = 0; tile < kStages; tile++) {
      visible[tile] = start(tile);
    }
  }

  /** Starts the copies of a tile, if there is one; what the row does not see becomes zero, never NaN. */
  __device__ __forceinline__ unsigned start(int tile) {
    unsigned ofTile = 0u;
    if (tile < tiles) {  // uniform over the warp
      if (tile > 0 && tile % kWarp == 0) {
        batch = TileBatch::of(listed, from + tile * kWarpTile, to);
      }
      ofTile = __shfl_sync(kAllLanes, batch.visible, tile % kWarp);
      const size_t offset = __shfl_sync(kAllLanes, batch.offset, tile % kWarp);
      const int lane = threadIdx.x % kWarp;
      const Kv* key = keys + offset + lane * 8;
      const Kv* value = values + offset + lane * 8;
      Kv* stage = stages + tile % kStages * 2 * kTileElements;
#pragma unroll
      for (int i = 0; i < kWarpTile * kRowChunks; i += kWarp) {
        const int token = kWarp % kRowChunks == 0 ? i / kRowChunks + lane / kRowChunks : (i + lane) / kRowChunks;
        const int channel = (kWarp % kRowChunks == 0 ? lane : i + lane) % kRowChunks * 8;
        Kv* target = stage + token * kTileStride<D> + channel;
        copyAsync(target, key + i * 8, ofTile >> token & 1u);
        copyAsync(target + kTileElements, value + i * 8, ofTile >> token & 1u);
      }
    }
    commitCopies();
    return ofTile;
  }

  /** Attends to all tiles in order. `q` (16, kTileStride) is complete. */
  __device__ __forceinline__ void attend(FlashRows<Kv, D>& rows, const Kv* q, float scale) {
    rows.clear();
    for (int tile = 0; tile < tiles; tile++) {
      const Kv* stage = stages + tile % kStages * 2 * kTileElements;
      const unsigned seen = visible[0];
      waitCopies<kStages - 1>();
      __syncwarp();  // every lane's copies of this tile have landed
      FragmentC scores[kWarpTile / 8];
      tileScores<Kv, D, kWarpTile>(scores, q, stage);
      rows.template weigh<kWarpTile>(scores, scale * kLog2E, [=](int, int key) { return seen >> key & 1u; });
      rows.template gather<kWarpTile>(scores, stage + kTileElements);
      __syncwarp();  // every lane has read the tile before its place is filled again
#pragma unroll
      for (int i = 0; i + 1 < kStages; i++) {
        visible[i] = visible[i + 1];
      }
      visible[kStages - 1] = start(tile + kStages);
    }
    rows.finish();
  }
};

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
