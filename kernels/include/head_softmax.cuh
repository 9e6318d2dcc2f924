// Reduces the scores of a group's query heads to one per unit: the sum over the heads of each head's softmax over its
// scores. A head with large scores does not outvote the others, as it does in a plain sum: each has a mass of 1 to give. A
// NaN stays NaN, which ranks below all others, and takes no part in the rest. Every sum has an order that follows from the
// number of scores alone.
#pragma once

#include "online_softmax.cuh"
#include "reduce.cuh"

namespace quest {

constexpr int kHeadScoresAtOnce = 8;  // that a thread has under way

/** Maximum and sum of one head's softmax over its `count` scores, in every thread. All threads of the block call it. */
__device__ __forceinline__ SoftmaxState headSoftmax(const float* scores, int count, float scaleLog2) {
  SoftmaxState mine = SoftmaxState::empty();
  const int step = blockDim.x;
  for (int from = threadIdx.x; from < count; from += kHeadScoresAtOnce * step) {
    float score[kHeadScoresAtOnce];
    float best = negativeInfinity();
#pragma unroll
    for (int j = 0; j < kHeadScoresAtOnce; j++) {
      const int i = from + j * step;
      score[j] = i < count ? scores[i] * scaleLog2 : negativeInfinity();
    }
#pragma unroll
    for (int j = 0; j < kHeadScoresAtOnce; j++) {
      best = score[j] > best ? score[j] : best;  // never NaN
    }
    mine.raise(best);
#pragma unroll
    for (int j = 0; j < kHeadScoresAtOnce; j++) {
      mine.sum += score[j] == score[j] ? mine.weight(score[j]) : 0.0f;
    }
  }
  SoftmaxState whole = {reduceBlock<Max>(mine.maximum), 0.0f};
  whole.sum = reduceBlock<Sum>(mine.sum * whole.weight(mine.maximum));
  return whole;
}

/**
 * Sums `count` scores of `group` heads, `headStride` apart, to `target`. `ofHead` is shared memory for the heads' states.
 * All threads of the block call it.
 */
__device__ __forceinline__ void sumHeadSoftmaxes(float* target, const float* first, int count, int group,
                                                 int headStride, float scaleLog2, SoftmaxState* ofHead) {
  for (int head = 0; head < group; head++) {
    const SoftmaxState state = headSoftmax(first + static_cast<size_t>(head) * headStride, count, scaleLog2);
    if (threadIdx.x == 0) {
      ofHead[head] = {state.maximum, state.normalizer()};
    }
  }
  __syncthreads();  // all heads' states are written before all read them
  for (int i = threadIdx.x; i < count; i += blockDim.x) {
    float sum = 0.0f;
#pragma unroll 4
    for (int head = 0; head < group; head++) {
      const float score = first[static_cast<size_t>(head) * headStride + i] * scaleLog2;
      sum += ofHead[head].weight(score) * ofHead[head].sum;
    }
    target[i] = sum;
  }
}

}  // namespace quest
