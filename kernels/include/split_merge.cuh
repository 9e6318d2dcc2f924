// Split-K for attention over a page list: the list is cut into splits by its own length alone, each split leaves a
// partial softmax state, and the last block to finish merges them in split order. Nothing depends on the batch or on
// which block is last, so a row's bits do not either. (Flash-decoding; the merge is arXiv 2205.14135, appendix B.)
#pragma once

#include "listed_tokens.cuh"
#include "online_softmax.cuh"
#include "reduce.cuh"

namespace quest {

constexpr int kSplitTokens = 256;  // 128 KB of bf16 keys and values at D = 128; 128 tokens were 5 to 20 % slower on an H100
constexpr int kMaxSplits = 64;     // bounds the workspace and the merge; 64 x 8 KV heads fill an H100 at batch 1

/** How a list of `tokens` tokens is cut. */
struct ListSplit {
  int tokensPerSplit;
  int splits;

  static __device__ __forceinline__ ListSplit of(int tokens) {
    const int atLeastOne = tokens > 0 ? tokens : 1;  // an empty list still has an (empty) result to write
    const int units = ceilDiv(atLeastOne, kSplitTokens);
    if (units <= kMaxSplits) {
      return {kSplitTokens, units};  // as below, without waiting for a division
    }
    const int perSplit = ceilDiv(units, kMaxSplits);
    return {perSplit * kSplitTokens, ceilDiv(units, perSplit)};
  }
};

/** Where splits leave their parts: outputs (entry, kMaxSplits, slots, D) and states (entry, kMaxSplits, slots). */
struct Partials {
  float* out;
  SoftmaxState* state;
  int* tickets;  // (entry), zero between launches
  int slots;     // heads of a full block: min(G, kHeadsPerBlock)
  int heads;     // of this block, at most slots
  int headDim;

  __device__ __forceinline__ float* outOf(size_t entry, int split) const {
    return out + (entry * kMaxSplits + split) * slots * headDim;
  }

  __device__ __forceinline__ SoftmaxState* stateOf(size_t entry, int split) const {
    return state + (entry * kMaxSplits + split) * slots;
  }
};

/** Where a block's heads of one row go. */
template <typename Act>
struct AttentionOut {
  Act* out;          // (heads, D)
  float* logSumExp;  // (heads)
};

/** The state that a block's result is added to; empty if there is none. What it sums up to is 1. */
template <bool Onto, typename Act>
__device__ __forceinline__ SoftmaxState priorState(const AttentionOut<Act>& target, int head) {
  if (!Onto) {
    return SoftmaxState::empty();
  }
  const float before = target.logSumExp[head];
  return {before * kLog2E, before == negativeInfinity() ? 0.0f : 1.0f};
}

/** Writes one split's state as the final result. `out` (heads, stride) is not yet normalized. */
template <typename Act>
__device__ __forceinline__ void writeWhole(const AttentionOut<Act>& target, const float* out, int stride,
                                           const SoftmaxState* state, int heads, int headDim) {
  for (int i = threadIdx.x; i < heads * headDim; i += blockDim.x) {
    const int head = i / headDim;
    target.out[i] = fromFloat<Act>(out[head * stride + i % headDim] * state[head].normalizer());
  }
  for (int head = threadIdx.x; head < heads; head += blockDim.x) {
    target.logSumExp[head] = state[head].logSumExp();
  }
}

/** Adds one split's state to the result that the target holds. `weights` is shared memory for 2 * heads floats. */
template <typename Act>
__device__ __forceinline__ void addWhole(const AttentionOut<Act>& target, const float* out, int stride,
                                         const SoftmaxState* state, int heads, int headDim, float* weights) {
  for (int head = threadIdx.x; head < heads; head += blockDim.x) {
    const SoftmaxState prior = priorState<true>(target, head);
    SoftmaxState whole = {Max::combine(state[head].maximum, prior.maximum), 0.0f};
    const float own = whole.weight(state[head].maximum);
    const float before = whole.weight(prior.maximum) * prior.sum;
    whole.sum = before + own * state[head].sum;
    weights[2 * head] = own * whole.normalizer();
    weights[2 * head + 1] = before * whole.normalizer();
    target.logSumExp[head] = whole.logSumExp();
  }
  __syncthreads();  // all weights are written before the outputs are summed
  for (int i = threadIdx.x; i < heads * headDim; i += blockDim.x) {
    const int head = i / headDim;
    target.out[i] = fromFloat<Act>(weights[2 * head + 1] * toFloat(target.out[i]) +
                                   weights[2 * head] * out[head * stride + i % headDim]);
  }
}

/** Merges all splits of one entry. `weights` is shared memory for heads * kMaxSplits floats. */
template <bool Onto, typename Act>
__device__ __forceinline__ void mergeSplits(const AttentionOut<Act>& target, const Partials& partials, size_t entry,
                                            int splits, float* weights) {
  __shared__ float priorWeight[kHeadsPerBlock];
  const int lane = threadIdx.x % kWarp;
  for (int head = threadIdx.x / kWarp; head < partials.heads; head += blockDim.x / kWarp) {
    float maximum = negativeInfinity();
    for (int split = lane; split < splits; split += kWarp) {
      maximum = Max::combine(maximum, partials.stateOf(entry, split)[head].maximum);
    }
    const SoftmaxState prior = priorState<Onto>(target, head);
    maximum = Max::combine(reduceLanes<Max>(maximum), prior.maximum);
    SoftmaxState whole = {maximum, 0.0f};
    for (int split = lane; split < splits; split += kWarp) {
      const SoftmaxState part = partials.stateOf(entry, split)[head];
      const float weight = whole.weight(part.maximum);
      weights[head * kMaxSplits + split] = weight;
      whole.sum += weight * part.sum;
    }
    whole.sum = reduceLanes<Sum>(whole.sum);
    const float before = whole.weight(prior.maximum) * prior.sum;
    if (Onto) {
      whole.sum += before;
    }
    for (int split = lane; split < splits; split += kWarp) {
      weights[head * kMaxSplits + split] *= whole.normalizer();
    }
    if (Onto) {
      __syncwarp();  // every lane has read the prior state before lane 0 replaces it
    }
    if (lane == 0) {
      target.logSumExp[head] = whole.logSumExp();
      if (Onto) {
        priorWeight[head] = before * whole.normalizer();
      }
    }
  }
  __syncthreads();  // all heads' weights are written before the outputs are summed
  for (int i = threadIdx.x; i < partials.heads * partials.headDim; i += blockDim.x) {
    const float* weight = weights + i / partials.headDim * kMaxSplits;
    float sum = Onto ? priorWeight[i / partials.headDim] * toFloat(target.out[i]) : 0.0f;
#pragma unroll 8
    for (int split = 0; split < splits; split++) {
      sum += weight[split] * partials.outOf(entry, split)[i];
    }
    target.out[i] = fromFloat<Act>(sum);
  }
}

/**
 * Ends a split's block: writes the result if there is one split, else leaves the part, and merges if it is the last.
 * `out` (heads, stride) and `state` (heads) are in shared memory and complete (a barrier was passed); `weights` is
 * other shared memory for heads * kMaxSplits floats. With Onto the result is added to what the target holds. All threads
 * of the block call it.
 */
template <bool Onto = false, typename Act>
__device__ __forceinline__ void finishSplit(const AttentionOut<Act>& target, const Partials& partials, size_t entry,
                                            int split, int splits, const float* out, int stride,
                                            const SoftmaxState* state, float* weights) {
  __shared__ int finishedBefore;
  if (splits == 1) {
    if constexpr (Onto) {
      addWhole(target, out, stride, state, partials.heads, partials.headDim, weights);
    } else {
      writeWhole(target, out, stride, state, partials.heads, partials.headDim);
    }
    return;  // uniform over the block
  }
  float* partOut = partials.outOf(entry, split);
  for (int i = threadIdx.x; i < partials.heads * partials.headDim; i += blockDim.x) {
    partOut[i] = out[i / partials.headDim * stride + i % partials.headDim];
  }
  for (int head = threadIdx.x; head < partials.heads; head += blockDim.x) {
    partials.stateOf(entry, split)[head] = state[head];
  }
  __syncthreads();  // the whole part is written before its ticket
  if (threadIdx.x == 0) {
    // Fences around the ticket, by the thread that draws it: with the barriers they order all threads' parts.
    __threadfence();
    finishedBefore = atomicAdd(&partials.tickets[entry], 1);
    __threadfence();
  }
  __syncthreads();  // the ticket is drawn before all read it
  if (finishedBefore == splits - 1) {  // uniform over the block
    mergeSplits<Onto>(target, partials, entry, splits, weights);
    if (threadIdx.x == 0) {
      partials.tickets[entry] = 0;  // ready for the next launch
    }
  }
}

}  // namespace quest
