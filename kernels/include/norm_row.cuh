// Root-mean-square norm of one row of C channels by one block (arXiv 1910.07467): x / sqrt(mean(x^2) + eps) * weight.
// In decode a few rows of a few thousand channels make a kernel that is all latency: each thread takes eight
// neighbouring channels at a time, has all its loads under way at once and keeps what it read in registers.
// The sum is in float, in an order that depends on C and the block alone.
#pragma once

#include "reduce.cuh"

namespace quest {

constexpr int kNormChannels = 8;  // of a thread at a time
constexpr int kNormHeld = 4;      // times eight channels in registers: 8,192 of a block of 256 threads

/** Eight channels from `c` on of a row of `channels`, widened; zeros past its end. */
template <typename T>
__device__ __forceinline__ void loadChannels(float (&wide)[kNormChannels], const T* row, int c, int channels,
                                             bool packed) {
  if (packed && c + kNormChannels <= channels) {
    loadEight(wide, row + c);
    return;
  }
#pragma unroll
  for (int i = 0; i < kNormChannels; i++) {
    wide[i] = c + i < channels ? toFloat(row[c + i]) : 0.0f;
  }
}

template <typename T>
__device__ __forceinline__ void storeChannels(T* row, const float (&wide)[kNormChannels], int c, int channels,
                                              bool packed) {
  if (packed && c + kNormChannels <= channels) {
    storeEight(row + c, wide);
    return;
  }
#pragma unroll
  for (int i = 0; i < kNormChannels; i++) {
    if (c + i < channels) {
      row[c + i] = fromFloat<T>(wide[i]);
    }
  }
}

/**
 * Norms a row. `read(wide, c)` gives eight channels of it, those past the registers twice; `keep(wide, c)` is called
 * with what is in registers, after all of it is read and before out is written. `packed`: out and weight can be walked
 * in 128-bit steps. All threads of the block call it.
 */
template <typename Act, typename Read, typename Keep>
__device__ __forceinline__ void normRow(Act* out, const float* weight, int channels, float eps, bool packed,
                                        Read read, Keep keep) {
  const int step = blockDim.x * kNormChannels;
  const int first = threadIdx.x * kNormChannels;
  float held[kNormHeld][kNormChannels];
  float gain[kNormHeld][kNormChannels];
#pragma unroll
  for (int j = 0; j < kNormHeld; j++) {
    if (first + j * step < channels) {
      read(held[j], first + j * step);
      loadChannels(gain[j], weight, first + j * step, channels, packed);
    }
  }
  float squares = 0.0f;
#pragma unroll
  for (int j = 0; j < kNormHeld; j++) {
    if (first + j * step < channels) {
      keep(held[j], first + j * step);
#pragma unroll
      for (int i = 0; i < kNormChannels; i++) {
        squares += held[j][i] * held[j][i];
      }
    }
  }
  for (int c = first + kNormHeld * step; c < channels; c += step) {
    float wide[kNormChannels];
    read(wide, c);
#pragma unroll
    for (int i = 0; i < kNormChannels; i++) {
      squares += wide[i] * wide[i];
    }
  }
  const float inverse = 1.0f / sqrtf(reduceBlock<Sum>(squares) / channels + eps);
#pragma unroll
  for (int j = 0; j < kNormHeld; j++) {
    if (first + j * step < channels) {
#pragma unroll
      for (int i = 0; i < kNormChannels; i++) {
        held[j][i] *= inverse * gain[j][i];
      }
      storeChannels(out, held[j], first + j * step, channels, packed);
    }
  }
  for (int c = first + kNormHeld * step; c < channels; c += step) {
    float wide[kNormChannels];
    float factor[kNormChannels];
    read(wide, c);
    loadChannels(factor, weight, c, channels, packed);
#pragma unroll
    for (int i = 0; i < kNormChannels; i++) {
      wide[i] *= inverse * factor[i];
    }
    storeChannels(out, wide, c, channels, packed);
  }
}

}  // namespace quest
