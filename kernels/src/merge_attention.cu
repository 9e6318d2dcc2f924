// merge_attention: merges two attention states over disjoint key sets into the first:
// out (R, Hq * D), logSumExp (R, Hq). With weights w = exp(lse - max): out = (w out + w' out') / (w + w'),
// lse = max + log(w + w') (arXiv 2205.14135, appendix B). An empty state (lse = -inf) leaves the other's bits.
// Moves 3 * R * Hq * D elements. Grid: (Hq, R) blocks of 64 threads.
#include "online_softmax.cuh"

namespace quest {

template <typename Act>
__device__ __forceinline__ void mergeAttention(Act* out, float* logSumExp, const Act* otherOut,
                                               const float* otherLogSumExp, int headDim, int outStride,
                                               int lseStride, int otherOutStride, int otherLseStride) {
  const int head = blockIdx.x;
  const size_t row = blockIdx.y;
  Act* target = out + row * outStride + static_cast<size_t>(head) * headDim;
  const Act* source = otherOut + row * otherOutStride + static_cast<size_t>(head) * headDim;
  const float mine = logSumExp[row * lseStride + head];
  const float other = otherLogSumExp[row * otherLseStride + head];
  const float maximum = mine > other ? mine : other;
  const float origin = SoftmaxState::origin(maximum);
  const float myWeight = expf(mine - origin);
  const float otherWeight = expf(other - origin);
  const float sum = myWeight + otherWeight;
  __syncthreads();  // every thread has read logSumExp before thread 0 replaces it
  if (threadIdx.x == 0) {
    logSumExp[row * lseStride + head] = sum > 0.0f ? maximum + logf(sum) : negativeInfinity();
  }
  if (otherWeight == 0.0f) {  // nothing to add; also where both are empty
    return;
  }
  for (int c = threadIdx.x; c < headDim; c += blockDim.x) {
    const float mineOut = myWeight == 0.0f ? 0.0f : myWeight / sum * toFloat(target[c]);
    target[c] = fromFloat<Act>(mineOut + otherWeight / sum * toFloat(source[c]));
  }
}

}  // namespace quest

#define MERGE_ATTENTION(act, Act)                                                                             \
  extern "C" __global__ void __launch_bounds__(64) merge_attention_##act(                                     \
      Act* __restrict__ out, float* __restrict__ logSumExp, const Act* __restrict__ otherOut,                 \
      const float* __restrict__ otherLogSumExp, int headDim, int outStride, int lseStride,                    \
      int otherOutStride, int otherLseStride) {                                                               \
    quest::mergeAttention(out, logSumExp, otherOut, otherLogSumExp, headDim, outStride, lseStride,            \
                          otherOutStride, otherLseStride);                                                    \
  }

MERGE_ATTENTION(f32, float)
MERGE_ATTENTION(bf16, bf16)
