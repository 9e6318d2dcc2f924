// The gated activations: out (R, I) = bend(gate) * up, with gateUp (R, 2 * I) = [gate | up].
// Moves 3 * R * I elements (two in, one out).
// Grid: (ceil(I / 2048), R) blocks of 256 threads, eight channels a thread.
#pragma once

#include "vec.cuh"

namespace quest {

constexpr int kGatedPerThread = 8;

template <typename Bend, typename Act>
__device__ __forceinline__ void gatedMul(Act* out, const Act* gateUp, int inner, int outStride, int gateUpStride) {
  const int first = (blockIdx.x * blockDim.x + threadIdx.x) * kGatedPerThread;
  Act* target = out + static_cast<size_t>(blockIdx.y) * outStride;
  const Act* gate = gateUp + static_cast<size_t>(blockIdx.y) * gateUpStride;
  const Act* up = gate + inner;
  if (packable(out, inner, outStride) && packable(gateUp, inner, gateUpStride)) {
#pragma unroll
    for (int c = first; c < first + kGatedPerThread; c += kPack<Act>) {
      if (c < inner) {
        Pack128<Act> product = loadPack(gate + c);
        const Pack128<Act> factor = loadPack(up + c);
#pragma unroll
        for (int i = 0; i < kPack<Act>; i++) {
          product.at[i] = fromFloat<Act>(Bend::of(toFloat(product.at[i])) * toFloat(factor.at[i]));
        }
        storePack(target + c, product);
      }
    }
  } else {  // an odd width or a view that starts off a 16-byte boundary
    for (int c = first; c < first + kGatedPerThread && c < inner; c++) {
      target[c] = fromFloat<Act>(Bend::of(toFloat(gate[c])) * toFloat(up[c]));
    }
  }
}

}  // namespace quest
