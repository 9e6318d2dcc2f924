// layer_norm: (x - mean) / sqrt(mean((x - mean)^2) + eps) * weight + bias over rows of C channels (arXiv 1607.06450):
// x, out (R, C), weight, bias (1, C). Two passes over a row for its sums, as the square of a large mean would swallow
// the variance; the row stays in L1. Moves 2 * R * C elements.
// Grid: (1, R) blocks; 32 threads for C <= 512, else 256 (the launch must follow C alone, to be batch invariant).
// `out` may be `x`: a thread reads a channel before it writes the same channel.
#include "reduce.cuh"

namespace quest {

template <typename Act>
__device__ __forceinline__ void layerNorm(Act* out, const Act* x, const float* weight, const float* bias, int channels,
                                          int outStride, int xStride, float eps) {
  const Act* row = x + static_cast<size_t>(blockIdx.y) * xStride;
  Act* target = out + static_cast<size_t>(blockIdx.y) * outStride;
  float sum = 0.0f;
  for (int c = threadIdx.x; c < channels; c += blockDim.x) {
    sum += toFloat(row[c]);
  }
  const float mean = reduceBlock<Sum>(sum) / channels;
  float squares = 0.0f;
  for (int c = threadIdx.x; c < channels; c += blockDim.x) {
    const float centred = toFloat(row[c]) - mean;
    squares += centred * centred;
  }
  const float inverse = 1.0f / sqrtf(reduceBlock<Sum>(squares) / channels + eps);
  for (int c = threadIdx.x; c < channels; c += blockDim.x) {
    target[c] = fromFloat<Act>((toFloat(row[c]) - mean) * inverse * weight[c] + bias[c]);
  }
}

}  // namespace quest

#define LAYER_NORM(act, Act)                                                                                  \
  extern "C" __global__ void __launch_bounds__(256) layer_norm_##act(                                         \
      Act* out, const Act* x, const float* __restrict__ weight, const float* __restrict__ bias, int channels, \
      int outStride, int xStride, float eps) {                                                                \
    quest::layerNorm(out, x, weight, bias, channels, outStride, xStride, eps);                                \
  }

LAYER_NORM(f32, float)
LAYER_NORM(bf16, bf16)
