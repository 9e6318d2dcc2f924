// rms_norm: x / sqrt(mean(x^2) + eps) * weight, over groups of C channels: x (R, groups * C), weight (1, C).
// One group is the layer norm; one group per head is Qwen3's query and key norm.
// Moves 2 * R * groups * C elements.
// Grid: (groups, R) blocks; 32 threads for C <= 512, else 256 (the launch must follow C alone, to be batch invariant).
// `out` may be `x`: a thread reads a channel before it writes the same channel.
#include "norm_row.cuh"

namespace quest {

template <typename Act>
__device__ __forceinline__ void rmsNorm(Act* out, const Act* x, const float* weight, int channels, int outStride,
                                        int xStride, float eps) {
  const bool packed = packable(x, channels, xStride) && packable(out, channels, outStride) &&
                      packable(weight, channels, 0);
  const size_t group = static_cast<size_t>(blockIdx.x) * channels;
  const NormedRow<Act> row = {x + static_cast<size_t>(blockIdx.y) * xStride + group};
  normRow(out + static_cast<size_t>(blockIdx.y) * outStride + group, row, weight, channels, eps, packed);
}

}  // namespace quest

#define RMS_NORM(act, Act)                                                                                    \
  extern "C" __global__ void __launch_bounds__(256, 2) rms_norm_##act(                                           \
      Act* out, const Act* x, const float* __restrict__ weight, int channels, int outStride, int xStride,     \
      float eps) {                                                                                            \
    quest::rmsNorm(out, x, weight, channels, outStride, xStride, eps);                                        \
  }

RMS_NORM(f32, float)
RMS_NORM(bf16, bf16)
