// Softmax attention over key sets that arrive one after the other: a running maximum, the sum of exponentials
// relative to it, and an output weighted alike (arXiv 1805.02867; the merge of arXiv 2205.14135, appendix B).
// Everything is in base 2, since the hardware's exponential is: scores come multiplied by scale * log2(e).
#pragma once

#include "vec.cuh"

namespace quest {

constexpr float kLog2E = 1.4426950408889634f;
constexpr float kLn2 = 0.6931471805599453f;

__device__ __forceinline__ float exp2Fast(float x) {
#ifdef QUEST_PORTABLE
  return exp2f(x);
#else
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));  // 2 ulp; -inf gives 0
  return y;
#endif
}

/** Maximum and sum of one query's softmax so far. Empty: maximum = -inf, sum = 0. */
struct SoftmaxState {
  float maximum;
  float sum;

  static __device__ __forceinline__ SoftmaxState empty() { return {negativeInfinity(), 0.0f}; }

  /** The exponent's origin: never -inf, so that an empty state gives exp2(-inf - 0) = 0 and not NaN. */
  static __device__ __forceinline__ float origin(float maximum) {
    return maximum == negativeInfinity() ? 0.0f : maximum;
  }

  /** Raises the maximum; returns the factor for what was summed and weighted before (1 if it did not rise). */
  __device__ __forceinline__ float raise(float candidate) {
    float raised = candidate > maximum ? candidate : maximum;
    float factor = exp2Fast(maximum - origin(raised));
    maximum = raised;
    sum *= factor;
    return factor;
  }

  /** exp2(score) relative to the current maximum; 0 for a masked score of -inf. */
  __device__ __forceinline__ float weight(float score) const { return exp2Fast(score - origin(maximum)); }

  /** What the weighted output is to be multiplied by in the end; an empty state gives output 0. */
  __device__ __forceinline__ float normalizer() const { return sum > 0.0f ? 1.0f / sum : 0.0f; }

  /** Natural log of the sum of exp(scale * q.k): -inf for an empty state. */
  __device__ __forceinline__ float logSumExp() const {
    return sum > 0.0f ? (maximum + log2f(sum)) * kLn2 : negativeInfinity();
  }
};

}  // namespace quest
