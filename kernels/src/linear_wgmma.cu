// linear on warpgroup tensor cores, for compute capability 9.0: out (R, N) = x (R, K) . weight (N, K)^T + bias (N), with
// bf16 x and weight whose rows start on 16-byte boundaries, K a multiple of 8. Bias may be null. Adds the same products in
// the same order as linear.cu, and gives its bits on a device, so a batch may use both.
//   ..._wg      128 x 256 tiles of out, 256 threads, 4 stages of 48 KB: more than 64 rows
//   ..._wg_n64  64 features x 64 rows, 128 threads, 6 stages of 32 KB: up to 64 rows, weights are the tall operand
//   ..._wg_n16  64 features x 16 rows, 128 threads, 9 stages of 20 KB: up to 16 rows, likewise
// Moves 2 (N + R) K bytes and the output. Grid: one dimension, ceil(R / tile rows) * ceil(N / tile features) blocks.
// Dynamic shared memory: stages and 1024 bytes to align the first of them.
// Elsewhere than on sm_90a the kernels are empty, and never launched.
#include "gemm_tile.cuh"
#include "shared_memory.cuh"
#include "wgmma.cuh"

namespace quest {

/** Warpgroups of 64 rows of A each by Cols rows of B; A is x, or, transposed, the weight. */
template <int GroupsOf, int ColsOf, int PanelsOf, int StagesOf, bool TransposedOf>
struct WgmmaShape {
  static constexpr int kThreads = GroupsOf * 128;
  static constexpr int kRows = GroupsOf * 64;
  static constexpr int kCols = ColsOf;
  static constexpr int kPanels = PanelsOf;  // of 64 channels, in a stage
  static constexpr int kStages = StagesOf;
  static constexpr bool kTransposed = TransposedOf;
  static constexpr int kRaster = TransposedOf ? 1 : 8;  // tiles down before the next column: their weights stay in L2
};

using WideRows = WgmmaShape<2, 256, 1, 4, false>;
using FewWideRows = WgmmaShape<1, 64, 2, 6, true>;
using FewestWideRows = WgmmaShape<1, 16, 2, 9, true>;

#ifdef QUEST_HAS_WGMMA

/**
 * A thread's share of an operand's panels of Rows x 64 channels, one panel after the other: every Threads / 8 rows one
 * chunk of eight channels, always the same. The addresses are carried from panel to panel, since working them out anew
 * for each copy takes a lone warp per scheduler longer than the memory needs to deliver the bytes.
 */
template <int Rows, int Threads>
struct PanelCopies {
  static constexpr int kRowStep = Threads / 8;
  static_assert(Rows % kRowStep == 0 && kRowStep % 8 == 0, "a thread's rows are equal in the swizzle");

  const bf16* next;  // this thread's chunk of its first row in the next panel
  size_t rowStep;    // elements to its next row
  int channels;      // from its chunk of the next panel to the end of a row
  int rows;          // from its first row to the last of the operand
  int offset;        // of its first chunk in a panel, in bytes

  __device__ __forceinline__ PanelCopies(const GemmOperand<bf16>& from, int firstRow) {
    const int row = threadIdx.x / 8;
    const int chunk = threadIdx.x % 8;
    next = from.base + static_cast<size_t>(firstRow + row) * from.stride + chunk * 8;
    rowStep = static_cast<size_t>(kRowStep) * from.stride;
    channels = from.channels - chunk * 8;
    rows = from.rows - firstRow - row;
    offset = swizzledChunk(row, chunk);
  }

  /** Starts the copy of the next panel to `panel`; what lies outside the operand becomes zero. */
  __device__ __forceinline__ void start(unsigned char* panel) {
    const bf16* source = next;
#pragma unroll
    for (int r = 0; r < Rows; r += kRowStep) {
      copyAsync(panel + offset + r * kWgmmaRowBytes, source, channels > 0 && r < rows);
      source += rowStep;
    }
    next += kWgmmaDepth;
    channels -= kWgmmaDepth;
  }
};

/**
 * A stage is refilled two steps after it was multiplied: every warpgroup waited for that product before the barrier of
 * the step that refills.
 */
template <typename Shape>
__device__ __forceinline__ void wgmmaTiles(float (&sum)[Shape::kCols / 2], unsigned char* stages,
                                           const GemmOperand<bf16>& a, const GemmOperand<bf16>& b, int row,
                                           int col) {
  constexpr int kTileA = Shape::kRows * kWgmmaRowBytes;
  constexpr int kPanel = kTileA + Shape::kCols * kWgmmaRowBytes;
  constexpr int kStage = Shape::kPanels * kPanel;
  constexpr int kStep = Shape::kPanels * kWgmmaDepth;
  const int steps = ceilDiv(a.channels, kStep);
  const int group = threadIdx.x / kWgmmaThreads;
#pragma unroll
  for (int i = 0; i < Shape::kCols / 2; i++) {
    sum[i] = 0.0f;
  }
  PanelCopies<Shape::kRows, Shape::kThreads> copiesOfA(a, row);
  PanelCopies<Shape::kCols, Shape::kThreads> copiesOfB(b, col);
  for (int step = 2 - Shape::kStages; step < steps; step++) {
    if (step >= 0) {
      waitCopies<Shape::kStages - 3>();
      publishCopies();
      __syncthreads();  // this step's tiles have landed
      beginWgmma();
#pragma unroll
      for (int panel = 0; panel < Shape::kPanels; panel++) {
        const unsigned char* tiles = stages + step % Shape::kStages * kStage + panel * kPanel;
        const WgmmaTile first = wgmmaTile(tiles + group * 64 * kWgmmaRowBytes);
        const WgmmaTile second = wgmmaTile(tiles + kTileA);
#pragma unroll
        for (int k = 0; k < kWgmmaDepth / 16; k++) {
          wgmma<Shape::kCols>(sum, wgmmaAhead(first, k), wgmmaAhead(second, k));
        }
      }
      commitWgmma();
    }
    const int next = step + Shape::kStages - 2;
    if (next < steps) {
#pragma unroll
      for (int panel = 0; panel < Shape::kPanels; panel++) {
        unsigned char* tiles = stages + next % Shape::kStages * kStage + panel * kPanel;
        copiesOfA.start(tiles);
        copiesOfB.start(tiles + kTileA);
      }
    }
    commitCopies();
    if (step >= 0) {
      waitWgmma<1>();
    }
  }
  waitWgmma<0>();
}

#endif

template <typename Out, typename Shape>
__device__ __forceinline__ void linearWgmma(Out* out, const bf16* x, const bf16* weight, const float* bias, int rows,
                                            int outFeatures, int inFeatures, int outStride, int xStride,
                                            int weightStride) {
#ifdef QUEST_HAS_WGMMA
  QUEST_DYNAMIC_SHARED(shared);
  unsigned char* stages = shared + (1024 - sharedAddress(shared) % 1024) % 1024;
  const GemmOperand<bf16> ofX = GemmOperand<bf16>::of(x, rows, inFeatures, xStride);
  const GemmOperand<bf16> ofWeight = GemmOperand<bf16>::of(weight, outFeatures, inFeatures, weightStride);
  const GemmOperand<bf16>& a = Shape::kTransposed ? ofWeight : ofX;
  const GemmOperand<bf16>& b = Shape::kTransposed ? ofX : ofWeight;
  const int down = ceilDiv(a.rows, Shape::kRows);
  const int across = ceilDiv(b.rows, Shape::kCols);
  const int block = blockIdx.x;
  const int band = block / (Shape::kRaster * across);
  const int inBand = block % (Shape::kRaster * across);
  const int height = min(Shape::kRaster, down - band * Shape::kRaster);
  const int row = (band * Shape::kRaster + inBand % height) * Shape::kRows;
  const int col = inBand / height * Shape::kCols;
  float sum[Shape::kCols / 2];
  wgmmaTiles<Shape>(sum, stages, a, b, row, col);
  const int lane = threadIdx.x % kWarp;
  const int firstRow = row + static_cast<int>(threadIdx.x) / kWarp * 16 + lane / 4;  // and eight further on
  const int firstCol = col + lane % 4 * 2;                                           // and every eight
  if (Shape::kTransposed) {
    float addend[2] = {};
    if (bias != nullptr) {
      addend[0] = bias[min(firstRow, outFeatures - 1)];
      addend[1] = bias[min(firstRow + 8, outFeatures - 1)];
    }
#pragma unroll
    for (int i = 0; i < Shape::kCols / 2; i++) {
      const int feature = firstRow + i / 2 % 2 * 8;
      const int c = firstCol + i / 4 * 8 + i % 2;
      if (feature < outFeatures && c < rows) {
        out[static_cast<size_t>(c) * outStride + feature] = fromFloat<Out>(sum[i] + addend[i / 2 % 2]);
      }
    }
  } else {
    const bool even = outStride % 2 == 0 && reinterpret_cast<uintptr_t>(out) % (2 * sizeof(Out)) == 0;
    constexpr int kAtOnce = 8;  // biases that a thread waits for together
#pragma unroll
    for (int from = 0; from < Shape::kCols / 8; from += kAtOnce) {
      float addend[kAtOnce][2] = {};
      if (bias != nullptr) {
#pragma unroll
        for (int n = 0; n < kAtOnce; n++) {
          const int c = firstCol + (from + n) * 8;
          addend[n][0] = bias[min(c, outFeatures - 1)];
          addend[n][1] = bias[min(c + 1, outFeatures - 1)];
        }
      }
#pragma unroll
      for (int n = 0; n < kAtOnce; n++) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
          const int r = firstRow + half * 8;
          const int i = (from + n) * 4 + half * 2;
          if (r < rows) {
            storePair(out + static_cast<size_t>(r) * outStride, firstCol + (from + n) * 8, outFeatures, even,
                      sum[i] + addend[n][0], sum[i + 1] + addend[n][1]);
          }
        }
      }
    }
  }
#endif
}

}  // namespace quest

#define LINEAR_WG(name, Out, threads, ...)                                                                   \
  extern "C" __global__ void __launch_bounds__(threads, 1) linear_##name(                                    \
      Out* __restrict__ out, const bf16* __restrict__ x, const bf16* __restrict__ weight,                    \
      const float* __restrict__ bias, int rows, int outFeatures, int inFeatures, int outStride, int xStride, \
      int weightStride) {                                                                                    \
    quest::__VA_ARGS__(out, x, weight, bias, rows, outFeatures, inFeatures, outStride, xStride,              \
                       weightStride);                                                                        \
  }

LINEAR_WG(f32_bf16_bf16_wg, float, 256, linearWgmma<float, quest::WideRows>)
LINEAR_WG(f32_bf16_bf16_wg_n64, float, 128, linearWgmma<float, quest::FewWideRows>)
LINEAR_WG(f32_bf16_bf16_wg_n16, float, 128, linearWgmma<float, quest::FewestWideRows>)
LINEAR_WG(bf16_bf16_bf16_wg, bf16, 256, linearWgmma<bf16, quest::WideRows>)
LINEAR_WG(bf16_bf16_bf16_wg_n64, bf16, 128, linearWgmma<bf16, quest::FewWideRows>)
LINEAR_WG(bf16_bf16_bf16_wg_n16, bf16, 128, linearWgmma<bf16, quest::FewestWideRows>)
