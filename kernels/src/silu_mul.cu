// silu_mul: out (R, I) = silu(gate) * up, with gateUp (R, 2 * I) = [gate | up]; silu(x) = x / (1 + exp(-x)).
// The SwiGLU of arXiv 2002.05202. Moves and grid: gated.cuh.
#include "gated.cuh"

namespace quest {

struct Silu {
  static __device__ __forceinline__ float of(float x) { return x / (1.0f + expf(-x)); }
};

}  // namespace quest

#define SILU_MUL(act, Act)                                                                                    \
  extern "C" __global__ void __launch_bounds__(256) silu_mul_##act(                                           \
      Act* __restrict__ out, const Act* __restrict__ gateUp, int inner, int outStride, int gateUpStride) {    \
    quest::gatedMul<quest::Silu>(out, gateUp, inner, outStride, gateUpStride);                                \
  }

SILU_MUL(f32, float)
SILU_MUL(bf16, bf16)
