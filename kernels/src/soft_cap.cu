// soft_cap: x = cap * tanh(x / cap), x (R, C) of float: the logits of Gemma 2 (arXiv 2408.00118, section 2).
// Moves and grid: in_place.cuh.
#include "in_place.cuh"

namespace quest {

struct SoftCap {
  float cap;

  __device__ __forceinline__ float of(float x, int) const { return cap * tanhf(x / cap); }
};

}  // namespace quest

extern "C" __global__ void __launch_bounds__(256) soft_cap_f32(float* x, int channels, int xStride, float cap) {
  quest::replaceEach(x, channels, xStride, quest::SoftCap{cap});
}
