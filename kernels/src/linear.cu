// linear: out (R, N) = x (R, K) . weight (N, K)^T + bias (N); bias may be null.
//
// bf16 weights on tensor cores (float activations are rounded to bf16, sums are float). Every tile shape adds the same
// products in the same order (gemm_tile.cuh), so the shapes below differ in speed only, and a row's bits do not depend
// on how many rows there are:
//   ..._m16   16 x 32 tiles, 128 threads: up to 16 rows. Bound by memory: moves 2 N K bytes of weights; 5 stages of
//             8 KB under way per block and 2 blocks per SM are 80 KB in flight against about 20 KB needed.
//   ..._m64   64 x 128 tiles, 128 threads: up to about 1,000 rows, where larger tiles would leave SMs idle.
//   ..._m128  128 x 256 tiles, 256 threads (64 x 64 per warp: 512 KFMA per 32 KB read from shared memory): prefill.
// Float weights (tests, and models run in float): ..._f32_f32_f32, 64 x 64 tiles, 256 threads, k ascending as well.
// Grid: (ceil(R / tile rows), ceil(N / tile columns)) blocks; neighbours share weights.
// Dynamic shared memory, stages * (depth + 8) * (tile rows * sizeof(x) + tile columns * 2) bytes:
//   m16: 6 stages of 128, float x 5   m64: 4 of 32   m128: 3 of 32, float x 2 of 32   float weights: none
#include "gemm_tile.cuh"
#include "shared_memory.cuh"

namespace quest {

template <typename Out, typename Act, typename Shape>
__device__ __forceinline__ void linearTiled(Out* out, const Act* x, const bf16* weight, const float* bias, int rows,
                                            int outFeatures, int inFeatures, int outStride, int xStride,
                                            int weightStride) {
  QUEST_DYNAMIC_SHARED(shared);
  const int blockRow = blockIdx.x * Shape::kRows;
  const int blockCol = blockIdx.y * Shape::kCols;
  GemmWarp<Act, Shape> warp;
  gemmTile(warp, shared, GemmOperand<Act>::of(x, rows, inFeatures, xStride),
           GemmOperand<bf16>::of(weight, outFeatures, inFeatures, weightStride), blockRow, blockCol);
  const int lane = threadIdx.x % kWarp;
  const bool even = outStride % 2 == 0 && reinterpret_cast<uintptr_t>(out) % (2 * sizeof(Out)) == 0;
  const int firstCol = blockCol + warp.col() + lane % 4 * 2;  // and every eight
  float addend[Shape::kTilesAcross][2] = {};
  if (bias != nullptr) {
#pragma unroll
    for (int n = 0; n < Shape::kTilesAcross; n++) {  // all are loaded before the first is waited for
      addend[n][0] = bias[min(firstCol + n * 8, outFeatures - 1)];
      addend[n][1] = bias[min(firstCol + n * 8 + 1, outFeatures - 1)];
    }
  }
#pragma unroll
  for (int m = 0; m < Shape::kTilesDown; m++) {
#pragma unroll
    for (int n = 0; n < Shape::kTilesAcross; n++) {
#pragma unroll
      for (int i = 0; i < 2; i++) {
        const int row = blockRow + warp.row() + m * 16 + lane / 4 + 8 * i;
        if (row < rows) {
          storePair(out + static_cast<size_t>(row) * outStride, firstCol + n * 8, outFeatures, even,
                    warp.sum[m][n].at[2 * i] + addend[n][0], warp.sum[m][n].at[2 * i + 1] + addend[n][1]);
        }
      }
    }
  }
}

using FewRows = GemmShape<16, 32, 1, 4, 128, 6>;
using FewFloatRows = GemmShape<16, 32, 1, 4, 128, 5>;  // float rows are twice as wide; six stages exceed 99 KB
using SomeRows = GemmShape<64, 128, 2, 2, 32, 4>;
using ManyRows = GemmShape<128, 256, 2, 4, 32, 3>;
using ManyFloatRows = GemmShape<128, 256, 2, 4, 32, 2>;  // float rows are twice as wide; three stages exceed 99 KB

constexpr int kPlainTile = 64;
constexpr int kPlainDepth = 32;

/** Float path: a thread computes 4 x 4 outputs, 16 rows and columns apart, so that its reads meet no bank twice. */
__device__ __forceinline__ void linearPlain(float* out, const float* x, const float* weight, const float* bias,
                                            int rows, int outFeatures, int inFeatures, int outStride, int xStride,
                                            int weightStride) {
  __shared__ float xTile[kPlainTile][kPlainDepth + 1];
  __shared__ float weightTile[kPlainTile][kPlainDepth + 1];
  const int blockRow = blockIdx.x * kPlainTile;
  const int blockCol = blockIdx.y * kPlainTile;
  const int threadRow = threadIdx.x / 16;
  const int threadCol = threadIdx.x % 16;
  float sum[4][4] = {};
  for (int base = 0; base < inFeatures; base += kPlainDepth) {
    for (int i = threadIdx.x; i < kPlainTile * kPlainDepth; i += blockDim.x) {
      const int r = i / kPlainDepth;
      const int k = base + i % kPlainDepth;
      const bool inside = k < inFeatures;
      xTile[r][i % kPlainDepth] =
          inside && blockRow + r < rows ? x[static_cast<size_t>(blockRow + r) * xStride + k] : 0.0f;
      weightTile[r][i % kPlainDepth] =
          inside && blockCol + r < outFeatures ? weight[static_cast<size_t>(blockCol + r) * weightStride + k] : 0.0f;
    }
    __syncthreads();  // the tiles are complete before they are multiplied
    const int depth = inFeatures - base < kPlainDepth ? inFeatures - base : kPlainDepth;
    for (int i = 0; i < 4 && blockRow + threadRow + 16 * i < rows; i++) {
      for (int k = 0; k < depth; k++) {
        const float factor = xTile[threadRow + 16 * i][k];
#pragma unroll
        for (int j = 0; j < 4; j++) {
          sum[i][j] += factor * weightTile[threadCol + 16 * j][k];
        }
      }
    }
    __syncthreads();  // all products are taken before the tiles are replaced
  }
  for (int i = 0; i < 4; i++) {
    for (int j = 0; j < 4; j++) {
      const int row = blockRow + threadRow + 16 * i;
      const int col = blockCol + threadCol + 16 * j;
      if (row < rows && col < outFeatures) {
        out[static_cast<size_t>(row) * outStride + col] = sum[i][j] + (bias == nullptr ? 0.0f : bias[col]);
      }
    }
  }
}

}  // namespace quest

#define LINEAR(name, Out, Act, Weight, threads, ...)                                                         \
  extern "C" __global__ void __launch_bounds__(threads, 1) linear_##name(                                       \
      Out* __restrict__ out, const Act* __restrict__ x, const Weight* __restrict__ weight,                   \
      const float* __restrict__ bias, int rows, int outFeatures, int inFeatures, int outStride, int xStride, \
      int weightStride) {                                                                                    \
    quest::__VA_ARGS__(out, x, weight, bias, rows, outFeatures, inFeatures, outStride, xStride,              \
                       weightStride);                                                                        \
  }

LINEAR(f32_f32_f32, float, float, float, 256, linearPlain)
LINEAR(f32_f32_bf16_m16, float, float, bf16, 128, linearTiled<float, float, quest::FewFloatRows>)
LINEAR(f32_f32_bf16_m64, float, float, bf16, 128, linearTiled<float, float, quest::SomeRows>)
LINEAR(f32_f32_bf16_m128, float, float, bf16, 256, linearTiled<float, float, quest::ManyFloatRows>)
LINEAR(f32_bf16_bf16_m16, float, bf16, bf16, 128, linearTiled<float, bf16, quest::FewRows>)
LINEAR(f32_bf16_bf16_m64, float, bf16, bf16, 128, linearTiled<float, bf16, quest::SomeRows>)
LINEAR(f32_bf16_bf16_m128, float, bf16, bf16, 256, linearTiled<float, bf16, quest::ManyRows>)
LINEAR(bf16_bf16_bf16_m16, bf16, bf16, bf16, 128, linearTiled<bf16, bf16, quest::FewRows>)
LINEAR(bf16_bf16_bf16_m64, bf16, bf16, bf16, 128, linearTiled<bf16, bf16, quest::SomeRows>)
LINEAR(bf16_bf16_bf16_m128, bf16, bf16, bf16, 256, linearTiled<bf16, bf16, quest::ManyRows>)
