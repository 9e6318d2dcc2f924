// A block's digest from the block's keys in token order, so that it has the same bits whether the tokens came one by one
// or all at once (Quest, arXiv 2406.10774, section 3.3; mean and deviation: arXiv 2605.27740). And the query's side:
// both scores are one dot product of the digest pair with a folded query. A block is a page or an equal part of one.
//
// A pair is kept in the cache's dtype, or in 8 bits: 16 consecutive channels of one vector share a power of two, the
// smallest with which their integers stay within -127..127 (the scheme of MXINT8 in the OCP Microscaling formats, in
// blocks of 16). The minimum is rounded down and the maximum up, so the score bounds q.k as before; the deviation is
// rounded up and the mean to nearest. A power of two keeps every integer times its scale exact in float.
#pragma once

#ifdef QUEST_PORTABLE
#include <math.h>
#endif

#include "paged_kv.cuh"
#include "reduce.cuh"

namespace quest {

enum PageScore { kMinMax = 0, kMeanStd = 1 };  // ordinals of engine.ops.PageScore
constexpr float kDeviation = 0.75f;  // the share of the deviation that counts, as in engine.ops.digest.MeanStd
enum GroupReduction { kGroupMax = 0, kGroupSum = 1, kGroupSoftmax = 2 };  // ordinals of engine.ops.GroupReduction

/**
 * One channel of both vectors of a pair. A thread has the keys of Slots tokens under way: one key at a time is all
 * latency, and more of them than the block has tokens are loads for nothing.
 */
template <int Slots>
struct ChannelDigest {
  float first;
  float second;

  /** Keys of one block and KV head: channel c of slot s stands at keys[s * headDim + c]; slots 0..filled-1 count. */
  template <typename Kv>
  static __device__ __forceinline__ ChannelDigest of(const Kv* keys, int channel, int headDim, int filled, int score) {
    return score == kMinMax ? minMax(keys + channel, headDim, filled) : meanStd(keys + channel, headDim, filled);
  }

  /** A channel of the slots from `from` on; past the last one, that one again. */
  template <typename Kv>
  static __device__ __forceinline__ void load(float (&of)[Slots], const Kv* channel, int headDim, int from,
                                              int filled) {
#pragma unroll
    for (int i = 0; i < Slots; i++) {
      of[i] = toFloat(channel[static_cast<size_t>(min(from + i, filled - 1)) * headDim]);
    }
  }

  template <typename Kv>
  static __device__ __forceinline__ ChannelDigest minMax(const Kv* channel, int headDim, int filled) {
    float low = toFloat(*channel);
    float high = low;
    for (int from = 0; from < filled; from += Slots) {
      float key[Slots];
      load(key, channel, headDim, from, filled);
#pragma unroll
      for (int i = 0; i < Slots; i++) {
        low = key[i] < low ? key[i] : low;
        high = key[i] > high ? key[i] : high;
      }
    }
    return {low, high};
  }

  /** Mean and the share that counts of the population standard deviation, two passes: the deviation of equal keys is exactly 0. */
  template <typename Kv>
  static __device__ __forceinline__ ChannelDigest meanStd(const Kv* channel, int headDim, int filled) {
    float sum = 0.0f;
    for (int from = 0; from < filled; from += Slots) {
      float key[Slots];
      load(key, channel, headDim, from, filled);
#pragma unroll
      for (int i = 0; i < Slots; i++) {
        sum += from + i < filled ? key[i] : 0.0f;
      }
    }
    const float mean = sum / filled;
    float squares = 0.0f;
    for (int from = 0; from < filled; from += Slots) {
      float key[Slots];
      load(key, channel, headDim, from, filled);
#pragma unroll
      for (int i = 0; i < Slots; i++) {
        const float distance = from + i < filled ? key[i] - mean : 0.0f;
        squares += distance * distance;
      }
    }
    return {mean, kDeviation * sqrtf(squares / filled)};
  }
};

/** The power of two that 16 channels share, as the exponent bits of a float: what is stored. */
__device__ __forceinline__ unsigned scaleExponent(float largest) {
  // 2^(k - 6) holds 2^k..127/64 * 2^k within 64..127; the sum carries into the exponent above that.
  const unsigned exponent = (bitsOfFloat(largest) + 0x1ffffu) >> 23;
  return exponent > 7 ? exponent - 6 : 1;  // 2^-126 at least: a denormal scale would have no inverse
}

__device__ __forceinline__ float scaleOf(unsigned exponent) { return floatOfBits(exponent << 23); }

/** An integer whose multiple of the scale is at most `value`. */
__device__ __forceinline__ int roundDown(float value, float scale, float inverse) {
  const int towardsZero = static_cast<int>(value * inverse);
  return towardsZero - (towardsZero * scale > value);
}

/** Writes one block's pair in the cache's dtype. All threads of the grid's block call it. */
template <int Slots, typename Digest, typename Kv>
__device__ __forceinline__ void writeDigest(Digest* pair, const Kv* keys, int headDim, int filled, int score) {
  for (int c = threadIdx.x; c < headDim; c += blockDim.x) {
    const ChannelDigest<Slots> digest = ChannelDigest<Slots>::of(keys, c, headDim, filled, score);
    pair[c] = fromFloat<Digest>(digest.first);
    pair[headDim + c] = fromFloat<Digest>(digest.second);
  }
}

/** The same in 8 bits: each half warp has 16 channels, which share a power of two. */
template <int Slots, typename Kv>
__device__ __forceinline__ void writeDigest(i8* pair, const Kv* keys, int headDim, int filled, int score) {
  unsigned char* exponents = reinterpret_cast<unsigned char*>(pair + 2 * headDim);
  for (int base = 0; base < headDim; base += blockDim.x) {  // uniform over the block
    const int c = base + threadIdx.x;
    const bool inside = c < headDim;
    ChannelDigest<Slots> digest = {0.0f, 0.0f};
    if (inside) {
      digest = ChannelDigest<Slots>::of(keys, c, headDim, filled, score);
    }
    const unsigned first = scaleExponent(reduceLanes<Max, kScaleChannels>(fabsf(digest.first)));
    const unsigned second = scaleExponent(reduceLanes<Max, kScaleChannels>(fabsf(digest.second)));
    if (!inside) {
      continue;
    }
    const float firstInverse = scaleOf(254 - first);
    const int low = score == kMinMax ? roundDown(digest.first, scaleOf(first), firstInverse)
                                     : static_cast<int>(rintf(digest.first * firstInverse));
    const int high = -roundDown(-digest.second, scaleOf(second), scaleOf(254 - second));
    pair[c].value = static_cast<signed char>(low);
    pair[headDim + c].value = static_cast<signed char>(high);
    if (c % kScaleChannels == 0) {
      exponents[c / kScaleChannels] = static_cast<unsigned char>(first);
      exponents[(headDim + c) / kScaleChannels] = static_cast<unsigned char>(second);
    }
  }
}

/** sum += the products of 128 bits of a digest pair, its elements from `e` on, with as many folded query channels. */
template <typename Digest>
__device__ __forceinline__ void addChunk(float& sum, const float (&q)[kPack<Digest>], const Digest* pair, int e, int) {
  const Pack128<Digest> elements = loadPack(pair + e);
#pragma unroll
  for (int i = 0; i < kPack<Digest>; i++) {
    sum += q[i] * toFloat(elements.at[i]);
  }
}

/** Byte `i` of four, as a float: exactly what a conversion gives, by the two instructions that run at full rate. */
__device__ __forceinline__ float byteToFloat(unsigned bytes, int i) {
#ifdef QUEST_PORTABLE
  return static_cast<float>(static_cast<signed char>(bytes >> (8 * i)));
#else
  // 2^23 + 128 + x has x + 128 in its last byte.
  return floatOfBits(__byte_perm(bytes ^ 0x80808080u, 0x4b000000u, 0x7440 + i)) - 8388736.0f;
#endif
}

/** The same for 16 integers and the power of two that they share. */
template <>
__device__ __forceinline__ void addChunk<i8>(float& sum, const float (&q)[16], const i8* pair, int e, int headDim) {
  const Pack<unsigned, 4> words = *reinterpret_cast<const Pack<unsigned, 4>*>(pair + e);
  float products = 0.0f;
#pragma unroll
  for (int i = 0; i < kScaleChannels; i++) {
    products += q[i] * byteToFloat(words.at[i / 4], i % 4);
  }
  sum += products * scaleOf(reinterpret_cast<const unsigned char*>(pair)[2 * headDim + e / kScaleChannels]);
}

/**
 * The factor of the digest pair's first and second vector for one query channel.
 * Min/max: max(q m, q M) is q m for negative q and q M otherwise, since m <= M. Mean/std: q mean + |q| of what is kept of std.
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
