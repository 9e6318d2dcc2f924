// One page's digest of one channel, from the page's keys in token order, so that it has the same bits whether the
// tokens came one by one or all at once (Quest, arXiv 2406.10774, section 3.3; mean and deviation: arXiv 2605.27740).
// And the query's side: both scores are one dot product of the digest pair with a folded query.
#pragma once

#include "paged_kv.cuh"

namespace quest {

/** Keys of one page and KV head: channel c of slot s stands at keys[s * headDim + c]; slots 0..filled-1 count. */
template <typename Kv>
__device__ __forceinline__ void minMaxOf(Kv* digest, const Kv* keys, int channel, int headDim, int filled) {
  Kv low = keys[channel];
  Kv high = low;
  for (int slot = 1; slot < filled; slot++) {
    Kv key = keys[static_cast<size_t>(slot) * headDim + channel];
    low = toFloat(key) < toFloat(low) ? key : low;
    high = toFloat(key) > toFloat(high) ? key : high;
  }
  digest[channel] = low;
  digest[headDim + channel] = high;
}

/** Population mean and standard deviation, two passes: the deviation of equal keys is exactly 0. */
template <typename Kv>
__device__ __forceinline__ void meanStdOf(Kv* digest, const Kv* keys, int channel, int headDim, int filled) {
  float sum = 0.0f;
  for (int slot = 0; slot < filled; slot++) {
    sum += toFloat(keys[static_cast<size_t>(slot) * headDim + channel]);
  }
  const float mean = sum / filled;
  float squares = 0.0f;
  for (int slot = 0; slot < filled; slot++) {
    float distance = toFloat(keys[static_cast<size_t>(slot) * headDim + channel]) - mean;
    squares += distance * distance;
  }
  digest[channel] = fromFloat<Kv>(mean);
  digest[headDim + channel] = fromFloat<Kv>(sqrtf(squares / filled));
}

enum PageScore { kMinMax = 0, kMeanStd = 1 };  // ordinals of engine.ops.PageScore
enum GroupReduction { kGroupMax = 0, kGroupSum = 1 };  // ordinals of engine.ops.GroupReduction

/**
 * The factor of the digest pair's first and second vector for one query channel.
 * Min/max: max(q m, q M) is q m for negative q and q M otherwise, since m <= M. Mean/std: q mean + |q| std.
 */
__device__ __forceinline__ void foldQuery(float q, int score, float& first, float& second) {
  if (score == kMinMax) {
    first = q < 0.0f ? q : 0.0f;
    second = q < 0.0f ? 0.0f : q;
  } else {
    first = q;
    second = q < 0.0f ? -q : q;
  }
}

}  // namespace quest
