// add: x += y, the residual connection where no norm follows: x, y (R, C).
// Moves 3 * R * C elements. Grid: in_place.cuh.
#include "in_place.cuh"

namespace quest {

template <typename Act>
struct Plus {
  const Act* y;  // of the row

  __device__ __forceinline__ float of(float x, int c) const { return x + toFloat(y[c]); }
};

}  // namespace quest

#define ADD(act, Act)                                                                                         \
  extern "C" __global__ void __launch_bounds__(256) add_##act(Act* __restrict__ x, const Act* __restrict__ y, \
                                                              int channels, int xStride, int yStride) {       \
    const quest::Plus<Act> plus = {y + static_cast<size_t>(blockIdx.y) * yStride};                            \
    quest::replaceEach(x, channels, xStride, plus);                                                           \
  }

ADD(f32, float)
ADD(bf16, bf16)
