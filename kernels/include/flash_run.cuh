// Decode attention on tensor cores: each warp of a block walks its own run of a split's tokens, 16 at a time, through a
// private pipeline in shared memory (no block barrier in the loop); then the warps' softmax states are joined.
// The sixteen rows of a tile are the query heads of one KV head's group, so each key and value is read once for all.
#pragma once

#include "async_copy.cuh"
#include "flash_tile.cuh"
#include "listed_tokens.cuh"

namespace quest {

constexpr int kWarpTile = 16;  // tokens of one tile; divides the page size
constexpr int kStages = 2;     // tiles per warp in shared memory: one under way, one in use

/**
 * How a list's tiles lie in memory: in parts of 16, 8, 4, 2 or 1 tokens, each one run of a page. A part is the largest
 * power of two that divides both a tile and a unit, so none is cut by either.
 */
struct TileParts {
  int tokens;  // of a part
  int parts;   // of a tile

  static __device__ __forceinline__ TileParts of(int unit) {
    const int tokens = min(unit & -unit, kWarpTile);
    return {tokens, tokens == kWarpTile ? 1 : kWarpTile / tokens};
  }

  /** Tiles whose parts a warp looks up at once. */
  __device__ __forceinline__ int tilesPerBatch() const { return 2 * tokens; }
};

/** The places of a warp's next 32 parts of tiles: each lane looks up one. */
struct TileBatch {
  size_t offset;     // of the part's first key's first channel
  unsigned visible;  // bit j: token j of the tile that the part belongs to exists and the row sees it

  /** Parts of the tokens from..to - 1 of a list; `from` is a multiple of 16. */
  static __device__ __forceinline__ TileBatch of(const ListedTokens& listed, const TileParts& cut, int from, int to) {
    const int lane = threadIdx.x % kWarp;
    const int first = from + lane * cut.tokens;
    // Where there is no part, nothing is read, but from an address that exists: the tile's first token at offset 0.
    TileBatch batch = {static_cast<size_t>(first % kWarpTile) * listed.kv.headDim, 0u};
    if (first < to) {
      const TokenPlace place = listed.placeOf(first);
      if (place.position >= 0) {
        batch = {place.offset, listed.visibleOf(place.position, min(cut.tokens, to - first))};
      }
    }
    if (cut.parts > 1) {  // uniform over the grid: each lane gets the bits of its whole tile
      batch.visible <<= first % kWarpTile;
      for (int distance = 1; distance < cut.parts; distance *= 2) {
        batch.visible |= __shfl_xor_sync(kAllLanes, batch.visible, distance);
      }
    }
    return batch;
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
  TileParts cut;
  TileBatch batch;
  unsigned visible[kStages];  // of the tile in use and those under way

  __device__ __forceinline__ FlashRun(Kv* stages, const Kv* keys, const Kv* values, const ListedTokens& listed,
                                      int from, int to)
      : listed(listed), keys(keys), values(values), stages(stages), from(from), to(to) {
    tiles = from < to ? ceilDiv(to - from, kWarpTile) : 0;
    cut = TileParts::of(listed.row.unit);
    batch = TileBatch::of(listed, cut, from, to);
#pragma unroll
    for (int tile = 0; tile < kStages; tile++) {
      visible[tile] = start(tile);
    }
  }

  /**
   * Starts the copies of a tile; offsetOf(token) is where token 0 would stand if all of the tile were one run. Parts
   * are not unrolled: that would double the kernel's code.
   */
  template <int Unroll, typename OffsetOf>
  __device__ __forceinline__ void copyTile(int tile, unsigned present, const OffsetOf& offsetOf) {
    const int lane = threadIdx.x % kWarp;
    Kv* stage = stages + tile % kStages * 2 * kTileElements;
#pragma unroll Unroll
    for (int i = 0; i < kWarpTile * kRowChunks; i += kWarp) {
      const int token = kWarp % kRowChunks == 0 ? i / kRowChunks + lane / kRowChunks : (i + lane) / kRowChunks;
      const int channel = (kWarp % kRowChunks == 0 ? lane : i + lane) % kRowChunks * 8;
      Kv* target = stage + token * kTileStride<D> + channel;
      const size_t source = offsetOf(token) + lane * 8;
      copyAsync(target, keys + source + i * 8, present >> token & 1u);
      copyAsync(target + kTileElements, values + source + i * 8, present >> token & 1u);
    }
  }

  /** Starts the copies of a tile, if there is one; what the row does not see becomes zero, never NaN. */
  __device__ __forceinline__ unsigned start(int tile) {
    unsigned ofTile = 0u;
    if (tile < tiles) {  // uniform over the warp
      const int inBatch = tile & (cut.tilesPerBatch() - 1);
      if (tile >= kStages && inBatch == 0) {  // a batch has two tiles at least
        batch = TileBatch::of(listed, cut, from + tile * kWarpTile, to);
      }
      ofTile = __shfl_sync(kAllLanes, batch.visible, inBatch * cut.parts);
      if (cut.parts == 1) {  // uniform over the grid
        const size_t offset = __shfl_sync(kAllLanes, batch.offset, inBatch);
        copyTile<kWarpTile * kRowChunks / kWarp>(tile, ofTile, [=](int) { return offset; });
      } else {
        copyTile<2>(tile, ofTile, [&](int token) {
          const int part = token * cut.parts / kWarpTile;
          return __shfl_sync(kAllLanes, batch.offset, inBatch * cut.parts + part) - part * cut.tokens * D;
        });
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
