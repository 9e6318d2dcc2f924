// mix_experts: out (R, H) = the sum of rows r * k + j of x (R * k, H) by the weights of choice (R, 2 k), in order of j.
// Moves R * (k + 1) * H elements.
// Grid: (ceil(H / 256), R) blocks of 256 threads, a channel each.
#include "vec.cuh"

#define MIX_EXPERTS(act, Act)                                                                                 \
  extern "C" __global__ void __launch_bounds__(256) mix_experts_##act(                                        \
      Act* __restrict__ out, const Act* __restrict__ x, const float* __restrict__ choice, int perRow,         \
      int channels, int outStride, int xStride, int choiceStride) {                                           \
    const int c = blockIdx.x * blockDim.x + threadIdx.x;                                                      \
    if (c < channels) {                                                                                       \
      const size_t row = blockIdx.y;                                                                          \
      const float* weights = choice + row * choiceStride + perRow;                                            \
      float sum = 0.0f;                                                                                       \
      for (int j = 0; j < perRow; j++) {                                                                      \
        sum += weights[j] * quest::toFloat(x[(row * perRow + j) * xStride + c]);                              \
      }                                                                                                       \
      out[row * outStride + c] = quest::fromFloat<Act>(sum);                                                  \
    }                                                                                                         \
  }

MIX_EXPERTS(f32, float)
MIX_EXPERTS(bf16, bf16)
