// add_rms_norm: x += y, the residual connection, and out = x / sqrt(mean(x^2) + eps) * weight, the norm that follows it
// everywhere in the decoder: x, y, out (R, C), weight (1, C). One launch and one pass where there would be two.
// Moves 4 * R * C elements (two in, two out). The norm sees x as it is stored, rounded to its type.
// Grid: (1, R) blocks; threads as in rms_norm.
// `out` may be `y`: a thread reads a channel before it writes the same channel.
#include "norm_row.cuh"

namespace quest {

template <typename Act>
__device__ __forceinline__ void addRmsNorm(Act* out, Act* x, const Act* y, const float* weight, int channels,
                                           int outStride, int xStride, int yStride, float eps) {
  const bool packed = packable(x, channels, xStride) && packable(y, channels, yStride) &&
                      packable(out, channels, outStride) && packable(weight, channels, 0);
  Act* sum = x + static_cast<size_t>(blockIdx.y) * xStride;
  const Act* term = y + static_cast<size_t>(blockIdx.y) * yStride;
  const int held = kNormHeld * kNormChannels * static_cast<int>(blockDim.x);
  const auto read = [=](float (&wide)[kNormChannels], int c) {
    float other[kNormChannels];
    loadChannels(wide, sum, c, channels, packed);
    loadChannels(other, term, c, channels, packed);
#pragma unroll
    for (int i = 0; i < kNormChannels; i++) {
      wide[i] = toFloat(fromFloat<Act>(wide[i] + other[i]));
    }
  };
  const auto keep = [=](const float (&wide)[kNormChannels], int c) { storeChannels(sum, wide, c, channels, packed); };
  const int step = static_cast<int>(blockDim.x) * kNormChannels;
  for (int c = held + static_cast<int>(threadIdx.x) * kNormChannels; c < channels; c += step) {
    float wide[kNormChannels];  // read twice by the norm, so added before it
    read(wide, c);
    keep(wide, c);
  }
  normRow(out + static_cast<size_t>(blockIdx.y) * outStride, weight, channels, eps, packed,
          [=](float (&wide)[kNormChannels], int c) {
            if (c < held) {
              read(wide, c);
            } else {
              loadChannels(wide, sum, c, channels, packed);
            }
          },
          keep);
}

}  // namespace quest

#define ADD_RMS_NORM(act, Act)                                                                                \
  extern "C" __global__ void __launch_bounds__(256) add_rms_norm_##act(                                       \
      Act* out, Act* x, const Act* y, const float* __restrict__ weight, int channels, int outStride,          \
      int xStride, int yStride, float eps) {                                                                  \
    quest::addRmsNorm(out, x, y, weight, channels, outStride, xStride, yStride, eps);                         \
  }

ADD_RMS_NORM(f32, float)
ADD_RMS_NORM(bf16, bf16)
