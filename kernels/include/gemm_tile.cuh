// A block's tile of out = x . weight^T on tensor cores, fed by a multi-stage cp.async pipeline. Every output element has
// one accumulator and adds its products 16 channels at a time, k ascending, whatever the tile: all tile shapes give the
// same bits, so linear is batch invariant by construction and needs no split over k.
#pragma once

#include "async_copy.cuh"
#include "tile_mma.cuh"

namespace quest {

/** Tile shape: a block computes (RowsOf, ColsOf) outputs with WarpsDown x WarpsAcross warps, Depth channels a stage. */
template <int RowsOf, int ColsOf, int WarpsDown, int WarpsAcross, int DepthOf, int StagesOf>
struct GemmShape {
  static constexpr int kRows = RowsOf;
  static constexpr int kCols = ColsOf;
  static constexpr int kWarpsAcross = WarpsAcross;
  static constexpr int kDepth = DepthOf;
  static constexpr int kStages = StagesOf;
  static constexpr int kStride = DepthOf + 8;  // 16 (or 32) bytes of padding: the rows of a fragment meet no bank twice
  static constexpr int kWarpRows = RowsOf / WarpsDown;
  static constexpr int kWarpCols = ColsOf / WarpsAcross;
  static constexpr int kTilesDown = kWarpRows / 16;
  static constexpr int kTilesAcross = kWarpCols / 8;
  static_assert(kWarpRows % 16 == 0 && kWarpCols % 8 == 0 && DepthOf % 32 == 0, "fragments are 16 x 8 x 16");
};

/** A (rows, channels) operand in device memory. */
template <typename T>
struct GemmOperand {
  const T* base;
  int rows;
  int channels;
  int stride;
  bool aligned;  // every row starts on a 16-byte boundary

  static __device__ __forceinline__ GemmOperand of(const T* base, int rows, int channels, int stride) {
    return {base, rows, channels, stride, packable(base, 0, stride)};
  }

  /** Copies Rows x Depth elements from (row, channel) on to shared memory; what lies outside becomes zero. */
  template <int Rows, int Depth>
  __device__ __forceinline__ void startTile(T* tile, int row, int channel) const {
    constexpr int kChunks = Depth / kPack<T>;
    for (int i = threadIdx.x; i < Rows * kChunks; i += blockDim.x) {
      const int r = row + i / kChunks;
      const int c = channel + i % kChunks * kPack<T>;
      T* target = tile + i / kChunks * (Depth + 8) + i % kChunks * kPack<T>;
      const int present = r < rows ? channels - c : 0;  // elements inside; may be negative or more than a chunk
      if (aligned && (present <= 0 || present >= kPack<T>)) {
        copyAsync(target, present > 0 ? base + static_cast<size_t>(r) * stride + c : base, present > 0);
      } else {  // the last channels of an odd width, or a view that starts off a 16-byte boundary
        for (int j = 0; j < kPack<T>; j++) {
          target[j] = j < present ? base[static_cast<size_t>(r) * stride + c + j] : T{};
        }
      }
    }
  }
};

/** A (16 x 16) from bf16 rows in shared memory. */
__device__ __forceinline__ void loadFragmentA(FragmentA& a, const bf16* corner, int stride) {
  const int lane = threadIdx.x % kWarp;
  loadTiles(a.reg, corner + lane % 16 * stride + lane / 16 * 8);
}

/** A (16 x 16) from float rows in shared memory, rounded to bf16 here. */
__device__ __forceinline__ void loadFragmentA(FragmentA& a, const float* corner, int stride) {
  const int lane = threadIdx.x % kWarp;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const float* pair = corner + (lane / 4 + i % 2 * 8) * stride + lane % 4 * 2 + i / 2 * 8;
    const Pack<float, 2> loaded = *reinterpret_cast<const Pack<float, 2>*>(pair);
    a.reg[i] = packHalves<bf16>(loaded.at[0], loaded.at[1]);
  }
}

/** One warp's share of a block's tile. */
template <typename Act, typename Shape>
struct GemmWarp {
  FragmentC sum[Shape::kTilesDown][Shape::kTilesAcross];

  static __device__ __forceinline__ int row() {
    return static_cast<int>(threadIdx.x) / kWarp / Shape::kWarpsAcross * Shape::kWarpRows;
  }

  static __device__ __forceinline__ int col() {
    return static_cast<int>(threadIdx.x) / kWarp % Shape::kWarpsAcross * Shape::kWarpCols;
  }

  /** Adds the products of one stage's channels. */
  __device__ __forceinline__ void multiply(const Act* x, const bf16* weight) {
    const int lane = threadIdx.x % kWarp;
    const Act* xCorner = x + row() * Shape::kStride;
    const bf16* weightRow = weight + (col() + lane % 8) * Shape::kStride + lane / 8 * 8;
#pragma unroll
    for (int k = 0; k < Shape::kDepth; k += 32) {
      unsigned b[Shape::kTilesAcross][4];  // eight columns, 32 channels
#pragma unroll
      for (int n = 0; n < Shape::kTilesAcross; n++) {
        loadTiles(b[n], weightRow + n * 8 * Shape::kStride + k);
      }
#pragma unroll
      for (int half = 0; half < 2; half++) {
#pragma unroll
        for (int m = 0; m < Shape::kTilesDown; m++) {
          FragmentA a;
          loadFragmentA(a, xCorner + m * 16 * Shape::kStride + k + half * 16, Shape::kStride);
#pragma unroll
          for (int n = 0; n < Shape::kTilesAcross; n++) {
            mma<bf16>(sum[m][n], a, FragmentB{{b[n][2 * half], b[n][2 * half + 1]}});
          }
        }
      }
    }
  }
};

/** The whole product of the block's tile at (row, col). `shared` holds kStages stages of x and weight tiles. */
template <typename Act, typename Shape>
__device__ __forceinline__ void gemmTile(GemmWarp<Act, Shape>& warp, unsigned char* shared,
                                         const GemmOperand<Act>& x, const GemmOperand<bf16>& weight, int row,
                                         int col) {
  constexpr int kXElements = Shape::kRows * Shape::kStride;
  constexpr int kWeightElements = Shape::kCols * Shape::kStride;
  Act* xTiles = reinterpret_cast<Act*>(shared);
  bf16* weightTiles = reinterpret_cast<bf16*>(xTiles + Shape::kStages * kXElements);
  const int steps = ceilDiv(x.channels, Shape::kDepth);
#pragma unroll
  for (int m = 0; m < Shape::kTilesDown; m++) {
#pragma unroll
    for (int n = 0; n < Shape::kTilesAcross; n++) {
      warp.sum[m][n] = FragmentC{};
    }
  }
  for (int step = 1 - Shape::kStages; step < steps; step++) {
    if (step >= 0) {
      waitCopies<Shape::kStages - 2>();
      __syncthreads();  // this step's tiles have landed; the tiles to be refilled below were read one step ago
    }
    const int next = step + Shape::kStages - 1;
    const int stage = next % Shape::kStages;
    if (next < steps) {
      x.template startTile<Shape::kRows, Shape::kDepth>(xTiles + stage * kXElements, row, next * Shape::kDepth);
      weight.template startTile<Shape::kCols, Shape::kDepth>(weightTiles + stage * kWeightElements, col,
                                                             next * Shape::kDepth);
    }
    commitCopies();
    if (step >= 0) {
      warp.multiply(xTiles + step % Shape::kStages * kXElements,
                    weightTiles + step % Shape::kStages * kWeightElements);
    }
  }
}

/** Writes a pair of neighbours, together where the row allows it. */
template <typename Out>
__device__ __forceinline__ void storePair(Out* row, int col, int cols, bool even, float low, float high) {
  if (even && col + 1 < cols) {
    *reinterpret_cast<Pack<Out, 2>*>(row + col) = Pack<Out, 2>{{fromFloat<Out>(low), fromFloat<Out>(high)}};
  } else {
    if (col < cols) {
      row[col] = fromFloat<Out>(low);
    }
    if (col + 1 < cols) {
      row[col + 1] = fromFloat<Out>(high);
    }
  }
}

}  // namespace quest
