// Attention of one row's query heads of one KV head over a run of keys, in float and with one barrier per phase: the
// path of float caches and of head_dim 16 and 32. A thread takes a (key, head) pair for the scores and a
// (head, channel) pair for the output; 256 keys at a time.
#pragma once

#include "listed_tokens.cuh"
#include "online_softmax.cuh"
#include "reduce.cuh"

namespace quest {

constexpr int kPlainKeys = 256;

/** The block's shared memory, (16 + 4 * (kPlainKeys + 2 * D) + 12) bytes per head and 8 * kPlainKeys for offsets. */
struct PlainShared {
  size_t* offsets;       // (kPlainKeys) of key and value, kNoKey where there is none
  float* weights;        // (heads, kPlainKeys) scores, then exponentials
  float* q;              // (heads, D), times scale * log2(e)
  float* out;            // (heads, D), relative to the state
  SoftmaxState* state;   // (heads)
  float* factors;        // (heads) what the last keys did to earlier ones

  static __device__ __forceinline__ PlainShared over(unsigned char* shared, int heads, int headDim) {
    PlainShared layout;
    layout.offsets = reinterpret_cast<size_t*>(shared);
    layout.weights = reinterpret_cast<float*>(layout.offsets + kPlainKeys);
    layout.q = layout.weights + heads * kPlainKeys;
    layout.out = layout.q + heads * headDim;
    layout.state = reinterpret_cast<SoftmaxState*>(layout.out + heads * headDim);
    layout.factors = reinterpret_cast<float*>(layout.state + heads);
    return layout;
  }
};

/** Scores of all heads against up to kPlainKeys keys; -inf where there is no key. */
template <typename Kv>
__device__ __forceinline__ void plainScores(const PlainShared& shared, const Kv* keys, int heads, int headDim) {
  for (int i = threadIdx.x; i < heads * kPlainKeys; i += blockDim.x) {
    const size_t offset = shared.offsets[i % kPlainKeys];
    const float* q = shared.q + i / kPlainKeys * headDim;
    float score = negativeInfinity();
    if (offset != kNoKey) {
      score = 0.0f;
      for (int c = 0; c < headDim; c += 8) {
        float key[8];
        loadEight(key, keys + offset + c);
#pragma unroll
        for (int j = 0; j < 8; j++) {
          score += q[c + j] * key[j];
        }
      }
    }
    shared.weights[i] = score;
  }
}

/** cap * tanh(score / cap) in the place of each score; `cap` times log2(e), as the scores are. */
__device__ __forceinline__ void capScores(const PlainShared& shared, int heads, float cap) {
  for (int i = threadIdx.x; i < heads * kPlainKeys; i += blockDim.x) {
    if (shared.offsets[i % kPlainKeys] != kNoKey) {
      shared.weights[i] = cap * tanhf(shared.weights[i] / cap);
    }
  }
}

/** Turns scores into exponentials and brings each head's state up to date; one warp per head. */
__device__ __forceinline__ void plainSoftmax(const PlainShared& shared, int heads) {
  const int lane = threadIdx.x % kWarp;
  for (int head = threadIdx.x / kWarp; head < heads; head += blockDim.x / kWarp) {
    float* weights = shared.weights + head * kPlainKeys;
    float maximum = negativeInfinity();
    for (int i = lane; i < kPlainKeys; i += kWarp) {
      maximum = Max::combine(maximum, weights[i]);
    }
    SoftmaxState state = shared.state[head];
    const float factor = state.raise(reduceLanes<Max>(maximum));
    float sum = 0.0f;
    for (int i = lane; i < kPlainKeys; i += kWarp) {
      weights[i] = state.weight(weights[i]);
      sum += weights[i];
    }
    state.sum += reduceLanes<Sum>(sum);
    __syncwarp();  // every lane has read the old state before lane 0 replaces it: a shuffle orders no memory
    if (lane == 0) {
      shared.state[head] = state;
      shared.factors[head] = factor;
    }
  }
}

/** Adds the weighted values to each head's output. */
template <typename Kv>
__device__ __forceinline__ void plainOutput(const PlainShared& shared, const Kv* values, int count, int heads,
                                            int headDim) {
  for (int i = threadIdx.x; i < heads * headDim; i += blockDim.x) {
    const int head = i / headDim;
    const float* weights = shared.weights + head * kPlainKeys;
    float sum = shared.out[i] * shared.factors[head];
    for (int j = 0; j < count; j++) {
      if (shared.offsets[j] != kNoKey) {  // a slot not yet written may hold NaN, which a zero weight would not hide
        sum += weights[j] * toFloat(values[shared.offsets[j] + i % headDim]);
      }
    }
    shared.out[i] = sum;
  }
}

/**
 * Keys [from, to) of `source`, whose offsetOf(j) is kNoKey for a key that the row does not see. Leaves output and
 * state in shared memory, behind a barrier. A `cap` of 0 is none.
 */
template <typename Act, typename Kv, typename Source>
__device__ __forceinline__ void plainAttention(const PlainShared& shared, const Act* q, const Kv* keys,
                                               const Kv* values, const Source& source, int from, int to, int heads,
                                               int headDim, float scale, float cap) {
  for (int i = threadIdx.x; i < heads * headDim; i += blockDim.x) {
    shared.q[i] = toFloat(q[i]) * (scale * kLog2E);
    shared.out[i] = 0.0f;
  }
  for (int head = threadIdx.x; head < heads; head += blockDim.x) {
    shared.state[head] = SoftmaxState::empty();
  }
  for (int base = from; base < to; base += kPlainKeys) {
    const int count = to - base < kPlainKeys ? to - base : kPlainKeys;
    for (int j = threadIdx.x; j < kPlainKeys; j += blockDim.x) {
      shared.offsets[j] = j < count ? source.offsetOf(base + j) : kNoKey;
    }
    __syncthreads();  // queries, states and offsets are written before they are read
    plainScores(shared, keys, heads, headDim);
    if (cap != 0.0f) {  // uniform over the grid; each thread caps the scores that it wrote
      capScores(shared, heads, cap * kLog2E);
    }
    __syncthreads();  // scores before their maximum
    plainSoftmax(shared, heads);
    __syncthreads();  // exponentials and factors before the output
    plainOutput(shared, values, count, heads, headDim);
    __syncthreads();  // the output has read the offsets before the next keys replace them
  }
  __syncthreads();  // also with no keys at all, the empty result is written before it is read
}

}  // namespace quest
