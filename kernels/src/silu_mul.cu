// silu_mul: out (R, I) = silu(gate) * up, with gateUp (R, 2 * I) = [gate | up]; silu(x) = x / (1 + exp(-x)).
// The SwiGLU of arXiv 2002.05202. Moves 3 * R * I elements (two in, one out).
// Grid: (ceil(I / 2048), R) blocks of 256 threads, eight channels a thread.
#include "vec.cuh"

namespace quest {

constexpr int kSiluPerThread = 8;

__device__ __forceinline__ float silu(float x) { return x / (1.0f + expf(-x)); }

template <typename Act>
__device__ __forceinline__ void siluMul(Act* out, const Act* gateUp, int inner, int outStride, int gateUpStride) {
  const int first = (blockIdx.x * blockDim.x + threadIdx.x) * kSiluPerThread;
  Act* target = out + static_cast<size_t>(blockIdx.y) * outStride;
  const Act* gate = gateUp + static_cast<size_t>(blockIdx.y) * gateUpStride;
  const Act* up = gate + inner;
  if (packable(out, inner, outStride) && packable(gateUp, inner, gateUpStride)) {
#pragma unroll
    for (int c = first; c < first + kSiluPerThread; c += kPack<Act>) {
      if (c < inner) {
        Pack128<Act> product = loadPack(gate + c);
        const Pack128<Act> factor = loadPack(up + c);
#pragma unroll
        for (int i = 0; i < kPack<Act>; i++) {
          product.at[i] = fromFloat<Act>(silu(toFloat(product.at[i])) * toFloat(factor.at[i]));
        }
        storePack(target + c, product);
      }
    }
  } else {  // an odd width or a view that starts off a 16-byte boundary
    for (int c = first; c < first + kSiluPerThread && c < inner; c++) {
      target[c] = fromFloat<Act>(silu(toFloat(gate[c])) * toFloat(up[c]));
    }
  }
}

}  // namespace quest

#define SILU_MUL(act, Act)                                                                                    \
  extern "C" __global__ void __launch_bounds__(256) silu_mul_##act(                                           \
      Act* __restrict__ out, const Act* __restrict__ gateUp, int inner, int outStride, int gateUpStride) {    \
    quest::siluMul(out, gateUp, inner, outStride, gateUpStride);                                              \
  }

SILU_MUL(f32, float)
SILU_MUL(bf16, bf16)
