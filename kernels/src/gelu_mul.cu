// gelu_mul: out (R, I) = gelu(gate) * up, with gateUp (R, 2 * I) = [gate | up]; the GeGLU of arXiv 2002.05202 with
// gelu(x) = 0.5 x (1 + tanh(u)) = x / (1 + exp(-2u)), u = sqrt(2 / pi) (x + 0.044715 x^3). Moves and grid: gated.cuh.
#include "gated.cuh"

namespace quest {

struct GeluTanh {
  static __device__ __forceinline__ float of(float x) {
    constexpr float kTwiceRoot = 1.5957691216057308f;  // 2 sqrt(2 / pi)
    return x / (1.0f + expf(-kTwiceRoot * x * (1.0f + 0.044715f * x * x)));
  }
};

}  // namespace quest

#define GELU_MUL(act, Act)                                                                                    \
  extern "C" __global__ void __launch_bounds__(256) gelu_mul_##act(                                           \
      Act* __restrict__ out, const Act* __restrict__ gateUp, int inner, int outStride, int gateUpStride) {    \
    quest::gatedMul<quest::GeluTanh>(out, gateUp, inner, outStride, gateUpStride);                            \
  }

GELU_MUL(f32, float)
GELU_MUL(bf16, bf16)
