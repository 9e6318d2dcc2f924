// A warp's sixteen queries against a tile of keys and values in shared memory, on tensor cores: scores, online softmax,
// weighted values (FlashAttention-2, arXiv 2307.08691). Lanes hold two rows each, g and g + 8 (see tile_mma.cuh).
// Scores and sums are float; the weights are rounded to the cache's type before they multiply the values.
#pragma once

#include "online_softmax.cuh"
#include "reduce.cuh"
#include "tile_mma.cuh"

namespace quest {

/** Elements from one row of a tile to the next: 16 bytes of padding put the rows of an 8 x 8 tile into all banks. */
template <int D>
constexpr int kTileStride = D + 8;

/** scores (16, Keys) = q (16, D) . keys (Keys, D)^T, not scaled. */
template <typename T, int D, int Keys>
__device__ __forceinline__ void tileScores(FragmentC (&scores)[Keys / 8], const T* q, const T* keys) {
  const int lane = threadIdx.x % kWarp;
  const T* qRow = q + lane % 16 * kTileStride<D> + lane / 16 * 8;
  const T* keyRow = keys + (lane % 8 + lane / 16 * 8) * kTileStride<D> + lane / 8 % 2 * 8;
#pragma unroll
  for (int n = 0; n < Keys / 8; n++) {
    scores[n] = FragmentC{};
  }
#pragma unroll
  for (int k = 0; k < D; k += 16) {
    FragmentA a;
    loadTiles(a.reg, qRow + k);
#pragma unroll
    for (int n = 0; n < Keys; n += 16) {
      unsigned b[4];
      loadTiles(b, keyRow + n * kTileStride<D> + k);
      mma<T>(scores[n / 8], a, FragmentB{{b[0], b[1]}});
      mma<T>(scores[n / 8 + 1], a, FragmentB{{b[2], b[3]}});
    }
  }
}

/** Makes scores -inf that visible(row, key) does not count (row 0: g, row 1: g + 8). */
template <int Keys, typename Visible>
__device__ __forceinline__ void hideScores(FragmentC (&scores)[Keys / 8], const Visible& visible) {
  const int column = threadIdx.x % 4 * 2;
#pragma unroll
  for (int n = 0; n < Keys / 8; n++) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      float& score = scores[n].at[i];
      score = visible(i / 2, n * 8 + column + i % 2) ? score : negativeInfinity();
    }
  }
}

/** The softmax of a warp's rows so far: a lane's two rows, and its columns of their output (D / 8 tiles). */
template <typename T, int D>
struct FlashRows {
  SoftmaxState state[2];  // sums are this lane's share until finish()
  FragmentC out[D / 8];

  __device__ __forceinline__ void clear() {
    state[0] = SoftmaxState::empty();
    state[1] = SoftmaxState::empty();
#pragma unroll
    for (int d = 0; d < D / 8; d++) {
      out[d] = FragmentC{};
    }
  }

  /**
   * Turns scores into weights, visible(row, key) deciding which count (row 0: g, row 1: g + 8). Keys that no row sees
   * change no bit: the factor is exactly 1 and every weight exactly 0. Long runs of keys seldom raise a maximum after
   * their first blocks: with `SkipOnes` the output is left alone where no row of the warp rose, which changes no bit.
   */
  template <int Keys, bool SkipOnes = false, typename Visible>
  __device__ __forceinline__ void weigh(FragmentC (&scores)[Keys / 8], float scaleLog2, const Visible& visible) {
    const int column = threadIdx.x % 4 * 2;
#pragma unroll
    for (int row = 0; row < 2; row++) {
      float best = negativeInfinity();
#pragma unroll
      for (int n = 0; n < Keys / 8; n++) {
#pragma unroll
        for (int i = 0; i < 2; i++) {
          float& score = scores[n].at[2 * row + i];
          score = visible(row, n * 8 + column + i) ? score : negativeInfinity();
          best = fmaxf(best, score);  // one instruction; a NaN makes the weights NaN whatever the maximum
        }
      }
      const float factor = state[row].raise(reduceLanes<Max, 4>(best) * scaleLog2);
      const float origin = SoftmaxState::origin(state[row].maximum);
#pragma unroll
      for (int n = 0; n < Keys / 8; n++) {
#pragma unroll
        for (int i = 0; i < 2; i++) {
          float& score = scores[n].at[2 * row + i];
          score = exp2Fast(fmaf(score, scaleLog2, -origin));
          state[row].sum += score;
        }
      }
      if (!SkipOnes || __any_sync(kAllLanes, factor != 1.0f)) {
#pragma unroll
        for (int d = 0; d < D / 8; d++) {
          out[d].at[2 * row] *= factor;
          out[d].at[2 * row + 1] *= factor;
        }
      }
    }
  }

  /**
   * Whether the largest score of one of the lane's two rows lies above what was largest before, or no further below it
   * than `margin`. A row that sees none of them, all -inf, has no say, nor has one past the first `left` from the lane's
   * first row on.
   */
  template <int Keys>
  __device__ __forceinline__ bool wants(const FragmentC (&scores)[Keys / 8], float scaleLog2, float margin,
                                        int left) const {
    bool wanted = false;
#pragma unroll
    for (int row = 0; row < 2; row++) {
      float best = negativeInfinity();
#pragma unroll
      for (int n = 0; n < Keys / 8; n++) {
        best = fmaxf(best, fmaxf(scores[n].at[2 * row], scores[n].at[2 * row + 1]));
      }
      best = reduceLanes<Max, 4>(best) * scaleLog2;
      wanted |= 8 * row < left && best > negativeInfinity() && !(best - state[row].maximum < margin);
    }
    return wanted;
  }

  /** out += weights (16, Keys) . values (Keys, D). */
  template <int Keys>
  __device__ __forceinline__ void gather(const FragmentC (&weights)[Keys / 8], const T* values) {
    const int lane = threadIdx.x % kWarp;
    const T* valueRow = values + lane % 16 * kTileStride<D> + lane / 16 * 8;
#pragma unroll
    for (int n = 0; n < Keys / 8; n += 2) {
      const FragmentA a = {{packHalves<T>(weights[n].at[0], weights[n].at[1]),
                            packHalves<T>(weights[n].at[2], weights[n].at[3]),
                            packHalves<T>(weights[n + 1].at[0], weights[n + 1].at[1]),
                            packHalves<T>(weights[n + 1].at[2], weights[n + 1].at[3])}};
#pragma unroll
      for (int d = 0; d < D; d += 16) {
        unsigned b[4];
        loadTilesTransposed(b, valueRow + n * 8 * kTileStride<D> + d);
        mma<T>(out[d / 8], a, FragmentB{{b[0], b[1]}});
        mma<T>(out[d / 8 + 1], a, FragmentB{{b[2], b[3]}});
      }
    }
  }

  /** Adds up the lanes' shares of the sums. */
  __device__ __forceinline__ void finish() {
    state[0].sum = reduceLanes<Sum, 4>(state[0].sum);
    state[1].sum = reduceLanes<Sum, 4>(state[1].sum);
  }
};

/** The same for Tiles tiles of sixteen queries each, one under the other: each load of keys feeds all of them. */
template <typename T, int D, int Keys, int Tiles>
__device__ __forceinline__ void tileScores(FragmentC (&scores)[Tiles][Keys / 8], const T* q, const T* keys) {
  const int lane = threadIdx.x % kWarp;
  const T* qRow = q + lane % 16 * kTileStride<D> + lane / 16 * 8;
  const T* keyRow = keys + (lane % 8 + lane / 16 * 8) * kTileStride<D> + lane / 8 % 2 * 8;
#pragma unroll
  for (int m = 0; m < Tiles; m++) {
#pragma unroll
    for (int n = 0; n < Keys / 8; n++) {
      scores[m][n] = FragmentC{};
    }
  }
#pragma unroll
  for (int k = 0; k < D; k += 16) {
    FragmentA a[Tiles];
#pragma unroll
    for (int m = 0; m < Tiles; m++) {
      loadTiles(a[m].reg, qRow + m * 16 * kTileStride<D> + k);
    }
#pragma unroll
    for (int n = 0; n < Keys; n += 16) {
      unsigned b[4];
      loadTiles(b, keyRow + n * kTileStride<D> + k);
#pragma unroll
      for (int m = 0; m < Tiles; m++) {
        mma<T>(scores[m][n / 8], a[m], FragmentB{{b[0], b[1]}});
        mma<T>(scores[m][n / 8 + 1], a[m], FragmentB{{b[2], b[3]}});
      }
    }
  }
}

/** rows[m].out += weights[m] (16, Keys) . values (Keys, D): each load of values feeds all tiles. */
template <typename T, int D, int Keys, int Tiles>
__device__ __forceinline__ void gatherTiles(FlashRows<T, D> (&rows)[Tiles],
                                            const FragmentC (&weights)[Tiles][Keys / 8], const T* values) {
  const int lane = threadIdx.x % kWarp;
  const T* valueRow = values + lane % 16 * kTileStride<D> + lane / 16 * 8;
#pragma unroll
  for (int n = 0; n < Keys / 8; n += 2) {
    FragmentA a[Tiles];
#pragma unroll
    for (int m = 0; m < Tiles; m++) {
      a[m] = {{packHalves<T>(weights[m][n].at[0], weights[m][n].at[1]),
               packHalves<T>(weights[m][n].at[2], weights[m][n].at[3]),
               packHalves<T>(weights[m][n + 1].at[0], weights[m][n + 1].at[1]),
               packHalves<T>(weights[m][n + 1].at[2], weights[m][n + 1].at[3])}};
    }
#pragma unroll
    for (int d = 0; d < D; d += 16) {
      unsigned b[4];
      loadTilesTransposed(b, valueRow + n * 8 * kTileStride<D> + d);
#pragma unroll
      for (int m = 0; m < Tiles; m++) {
        mma<T>(rows[m].out[d / 8], a[m], FragmentB{{b[0], b[1]}});
        mma<T>(rows[m].out[d / 8 + 1], a[m], FragmentB{{b[2], b[3]}});
      }
    }
  }
}

}  // namespace quest
