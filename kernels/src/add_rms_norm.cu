// add_rms_norm: x += y, the residual connection, and out = x / sqrt(mean(x^2) + eps) * weight, the norm that follows it
// everywhere in the decoder: x, y, out (R, C), weight (1, C). One launch and one pass where there would be two.
// Moves 4 * R * C elements (two in, two out). The norm sees x as it is stored, rounded to its type.
// Grid: (1, R) blocks; threads as in rms_norm.
// `out` may be `y`: a thread reads a channel before it writes the same channel.
#include "norm_row.cuh"

namespace quest {

/** The row x + y, which takes x's place. */
template <typename Act>
struct SumRow {
  struct Raw {
    Eight<Act> x;
    Eight<Act> y;
  };

  Act* x;
  const Act* y;

  __device__ __forceinline__ Raw load(int c) const { return {loadRaw(x + c), loadRaw(y + c)}; }

  __device__ __forceinline__ void take(float (&wide)[kNormChannels], const Raw& raw, int c) const {
    float term[kNormChannels];
    widen(wide, raw.x);
    widen(term, raw.y);
#pragma unroll
    for (int i = 0; i < kNormChannels; i++) {
      wide[i] = toFloat(fromFloat<Act>(wide[i] + term[i]));
    }
    storeEight(x + c, wide);
  }

  __device__ __forceinline__ float take(int c) const {
    x[c] = fromFloat<Act>(toFloat(x[c]) + toFloat(y[c]));
    return toFloat(x[c]);
  }

  __device__ __forceinline__ void again(float (&wide)[kNormChannels], int c) const { loadEight(wide, x + c); }
  __device__ __forceinline__ float again(int c) const { return toFloat(x[c]); }
};

template <typename Act>
__device__ __forceinline__ void addRmsNorm(Act* out, Act* x, const Act* y, const float* weight, int channels,
                                           int outStride, int xStride, int yStride, float eps) {
  const bool packed = packable(x, channels, xStride) && packable(y, channels, yStride) &&
                      packable(out, channels, outStride) && packable(weight, channels, 0);
  const SumRow<Act> row = {x + static_cast<size_t>(blockIdx.y) * xStride, y + static_cast<size_t>(blockIdx.y) * yStride};
  normRow(out + static_cast<size_t>(blockIdx.y) * outStride, row, weight, channels, eps, packed);
}

}  // namespace quest

#define ADD_RMS_NORM(act, Act)                                                                                \
  extern "C" __global__ void __launch_bounds__(256, 2) add_rms_norm_##act(                                       \
      Act* out, Act* x, const Act* y, const float* __restrict__ weight, int channels, int outStride,          \
      int xStride, int yStride, float eps) {                                                                  \
    quest::addRmsNorm(out, x, y, weight, channels, outStride, xStride, yStride, eps);                         \
  }

ADD_RMS_NORM(f32, float)
ADD_RMS_NORM(bf16, bf16)
