// scale: x *= factor, x (R, C). Moves and grid: in_place.cuh.
#include "in_place.cuh"

namespace quest {

struct Times {
  float factor;

  __device__ __forceinline__ float of(float x, int) const { return x * factor; }
};

}  // namespace quest

#define SCALE(act, Act)                                                                                       \
  extern "C" __global__ void __launch_bounds__(256) scale_##act(Act* x, int channels, int xStride,            \
                                                                float factor) {                               \
    quest::replaceEach(x, channels, xStride, quest::Times{factor});                                           \
  }

SCALE(f32, float)
SCALE(bf16, bf16)
