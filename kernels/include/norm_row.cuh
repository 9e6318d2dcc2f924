// Root-mean-square norm of one row of C channels by one block (arXiv 1910.07467): x / sqrt(mean(x^2) + eps) * weight.
// In decode a few rows of a few thousand channels make a kernel that is all latency: each thread takes eight
// neighbouring channels at a time, starts all its loads before it uses the first (in raw registers: whatever widens them
// waits for them), and reads a row of up to 8,192 channels once.
// The sum is in float, in an order that depends on C and the block alone.
#pragma once

#include "reduce.cuh"

namespace quest {

constexpr int kNormChannels = 8;  // of a thread at a time
constexpr int kNormHeld = 4;      // times eight channels in registers: 8,192 of a block of 256 threads

/** A row that is normed as it stands. */
template <typename Act>
struct NormedRow {
  using Raw = Eight<Act>;

  const Act* x;

  __device__ __forceinline__ Raw load(int c) const { return loadRaw(x + c); }
  __device__ __forceinline__ void take(float (&wide)[kNormChannels], const Raw& raw, int) const { widen(wide, raw); }
  __device__ __forceinline__ float take(int c) const { return toFloat(x[c]); }
  __device__ __forceinline__ void again(float (&wide)[kNormChannels], int c) const { loadEight(wide, x + c); }
  __device__ __forceinline__ float again(int c) const { return toFloat(x[c]); }
};

/** The squares of a thread's channels from `c` on, eight at a time, as they are read the first time. */
template <typename Row>
__device__ __forceinline__ float addSquares(float squares, float (&wide)[kNormChannels], const Row& row,
                                            const typename Row::Raw& raw, int c) {
  row.take(wide, raw, c);
#pragma unroll
  for (int i = 0; i < kNormChannels; i++) {
    squares += wide[i] * wide[i];
  }
  return squares;
}

template <typename Act>
__device__ __forceinline__ void storeNormed(Act* out, float (&wide)[kNormChannels], const Eight<float>& weight,
                                            float inverse) {
  float gain[kNormChannels];
  widen(gain, weight);
#pragma unroll
  for (int i = 0; i < kNormChannels; i++) {
    wide[i] *= inverse * gain[i];
  }
  storeEight(out, wide);
}

__device__ __forceinline__ float inverseNorm(float squares, int channels, float eps) {
  return 1.0f / sqrtf(reduceBlock<Sum>(squares) / channels + eps);
}

/** Where every row can be walked in 128-bit steps. */
template <typename Act, typename Row>
__device__ __forceinline__ void normPacked(Act* out, const Row& row, const float* weight, int channels, float eps) {
  const int step = blockDim.x * kNormChannels;
  const int first = threadIdx.x * kNormChannels;
  typename Row::Raw raw[kNormHeld];
  Eight<float> gain[kNormHeld];
#pragma unroll
  for (int j = 0; j < kNormHeld; j++) {
    if (first + j * step < channels) {
      raw[j] = row.load(first + j * step);
      gain[j] = loadRaw(weight + first + j * step);
    }
  }
  float held[kNormHeld][kNormChannels];
  float squares = 0.0f;
#pragma unroll
  for (int j = 0; j < kNormHeld; j++) {
    if (first + j * step < channels) {
      squares = addSquares(squares, held[j], row, raw[j], first + j * step);
    }
  }
  for (int c = first + kNormHeld * step; c < channels; c += step) {
    float wide[kNormChannels];
    squares = addSquares(squares, wide, row, row.load(c), c);
  }
  const float inverse = inverseNorm(squares, channels, eps);
#pragma unroll
  for (int j = 0; j < kNormHeld; j++) {
    if (first + j * step < channels) {
      storeNormed(out + first + j * step, held[j], gain[j], inverse);
    }
  }
  for (int c = first + kNormHeld * step; c < channels; c += step) {
    float wide[kNormChannels];
    row.again(wide, c);
    storeNormed(out + c, wide, loadRaw(weight + c), inverse);
  }
}

/** An odd width or a view that starts off a 16-byte boundary: channel by channel, in the same order. */
template <typename Act, typename Row>
__device__ __forceinline__ void normPlain(Act* out, const Row& row, const float* weight, int channels, float eps) {
  const int step = blockDim.x * kNormChannels;
  float squares = 0.0f;
  for (int from = threadIdx.x * kNormChannels; from < channels; from += step) {
    for (int c = from; c < channels && c < from + kNormChannels; c++) {
      const float x = row.take(c);
      squares += x * x;
    }
  }
  const float inverse = inverseNorm(squares, channels, eps);
  for (int from = threadIdx.x * kNormChannels; from < channels; from += step) {
    for (int c = from; c < channels && c < from + kNormChannels; c++) {
      out[c] = fromFloat<Act>(row.again(c) * (inverse * weight[c]));
    }
  }
}

/**
 * Norms a row. `Row` gives eight channels or one at a time: `load` starts reading, `take` ends it and may write to the
 * row, `again` reads what does not fit in registers a second time. All threads of the block call it.
 */
template <typename Act, typename Row>
__device__ __forceinline__ void normRow(Act* out, const Row& row, const float* weight, int channels, float eps,
                                        bool packed) {
  if (packed) {  // uniform over the grid
    normPacked(out, row, weight, channels, eps);
  } else {
    normPlain(out, row, weight, channels, eps);
  }
}

}  // namespace quest
