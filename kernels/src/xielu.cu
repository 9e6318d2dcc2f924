// xielu: x (R, I) becomes square * x^2 + slope * x above zero, exponential * (exp(x) - 1 - x) + slope * x below
// (arXiv 2411.13010); with (1, 0, 0) the squared ReLU. Moves and grid: in_place.cuh.
#include "in_place.cuh"

namespace quest {

struct Xielu {
  float square;
  float exponential;
  float slope;

  __device__ __forceinline__ float of(float x, int) const {
    const float bent = x > 0.0f ? square * x * x : exponential == 0.0f ? 0.0f : exponential * (expm1f(x) - x);
    return bent + slope * x;
  }
};

}  // namespace quest

#define XIELU(act, Act)                                                                                       \
  extern "C" __global__ void __launch_bounds__(256) xielu_##act(Act* x, int channels, int xStride,            \
                                                                float square, float exponential,              \
                                                                float slope) {                                \
    quest::replaceEach(x, channels, xStride, quest::Xielu{square, exponential, slope});                       \
  }

XIELU(f32, float)
XIELU(bf16, bf16)
