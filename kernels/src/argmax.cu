// argmax: greedy sampling: tokens (R) = index of the largest logit of each row, ties to the lowest index; for a row with
// a NaN, -1 - the lowest index of one.
// Moves R * V floats in, R ints out. Exact, so independent of the block size.
// A row is one block's, and what a thread waits for is the next logit: each has eight under way, 8,192 of a block.
// Grid: one block of 1024 threads per row.
#include "best_token.cuh"

namespace quest {

__device__ __forceinline__ void argmax(int* tokens, const float* logits, int vocabulary, int logitStride) {
  const int token = bestTokenOf(logits + static_cast<size_t>(blockIdx.x) * logitStride, vocabulary);
  if (threadIdx.x == 0) {
    tokens[blockIdx.x] = token;
  }
}

}  // namespace quest

extern "C" __global__ void __launch_bounds__(1024)
    argmax_f32(int* __restrict__ tokens, const float* __restrict__ logits, int vocabulary, int logitStride) {
  quest::argmax(tokens, logits, vocabulary, logitStride);
}
