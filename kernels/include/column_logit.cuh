// The logit of one key for one query, as the ops that add up attention by key take it.
#pragma once

#include "online_softmax.cuh"

namespace quest {

/** scale * q.k in base 2, under a cap unless that is 0. */
template <typename Act, typename Kv>
__device__ __forceinline__ float columnLogit(const Act* q, const Kv* key, int headDim, float scale, float cap) {
  float dot = 0.0f;
#pragma unroll 8
  for (int i = 0; i < headDim; i++) {
    dot = fmaf(toFloat(q[i]), toFloat(key[i]), dot);
  }
  const float logit = dot * scale;
  return (cap == 0.0f ? logit : cap * tanhf(logit / cap)) * kLog2E;
}

}  // namespace quest
