// Element types, their conversion to and from float, and 128-bit memory access.
//
// bf16 and f16 are plain bit patterns of our own, so that the same source compiles with nvcc and, for the
// CPU test driver, with a host compiler (QUEST_PORTABLE). All arithmetic is in float.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef QUEST_PORTABLE
#include <math.h>
#include <string.h>
#endif

/** bfloat16: the upper half of a float. */
struct bf16 {
  unsigned short bits;
};

/** IEEE 754 half. */
struct f16 {
  unsigned short bits;
};

/** An integer of -127..127 that a power of two beside it scales; see page_digest.cuh. */
struct i8 {
  signed char value;
};

namespace quest {

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffffu;

__device__ __forceinline__ float floatOfBits(unsigned bits) {
#ifdef QUEST_PORTABLE
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
#else
  return __uint_as_float(bits);
#endif
}

__device__ __forceinline__ unsigned bitsOfFloat(float value) {
#ifdef QUEST_PORTABLE
  unsigned bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
#else
  return __float_as_uint(value);
#endif
}

__device__ __forceinline__ float negativeInfinity() { return floatOfBits(0xff800000u); }

__device__ __forceinline__ float toFloat(float value) { return value; }

__device__ __forceinline__ float toFloat(bf16 value) {
  return floatOfBits(static_cast<unsigned>(value.bits) << 16);
}

__device__ __forceinline__ float toFloat(f16 value) {
#ifdef QUEST_PORTABLE
  _Float16 half;
  memcpy(&half, &value, sizeof half);
  return static_cast<float>(half);
#else
  float wide;
  asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(value.bits));
  return wide;
#endif
}

/** Rounds to nearest, ties to even. */
template <typename T>
__device__ __forceinline__ T fromFloat(float value);

template <>
__device__ __forceinline__ float fromFloat<float>(float value) {
  return value;
}

template <>
__device__ __forceinline__ bf16 fromFloat<bf16>(float value) {
  bf16 narrow;
#ifdef QUEST_PORTABLE
  unsigned bits = bitsOfFloat(value);
  if (value != value) {
    narrow.bits = static_cast<unsigned short>(bits >> 16 | 0x40u);  // NaN stays NaN
  } else {
    narrow.bits = static_cast<unsigned short>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
  }
#else
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(narrow.bits) : "f"(value));
#endif
  return narrow;
}

template <>
__device__ __forceinline__ f16 fromFloat<f16>(float value) {
  f16 narrow;
#ifdef QUEST_PORTABLE
  _Float16 half = static_cast<_Float16>(value);
  memcpy(&narrow, &half, sizeof narrow);
#else
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(narrow.bits) : "f"(value));
#endif
  return narrow;
}

/** N consecutive elements that move as one memory transaction of N * sizeof(T) bytes. */
template <typename T, int N>
struct alignas(sizeof(T) * N) Pack {
  T at[N];
};

/** Elements of T in 128 bits, the widest access a thread has. */
template <typename T>
constexpr int kPack = 16 / static_cast<int>(sizeof(T));

template <typename T>
using Pack128 = Pack<T, kPack<T>>;

template <typename T>
__device__ __forceinline__ Pack128<T> loadPack(const T* address) {
  return *reinterpret_cast<const Pack128<T>*>(address);
}

template <typename T>
__device__ __forceinline__ void storePack(T* address, const Pack128<T>& pack) {
  *reinterpret_cast<Pack128<T>*>(address) = pack;
}

/**
 * Eight consecutive elements as they are, by one 128-bit load for 16-bit types, two for float. In whole words: the
 * compiler takes halves apart where they are loaded, which waits for the load.
 */
template <typename T>
struct Eight {
  unsigned words[8 * sizeof(T) / 4];
};

template <typename T>
__device__ __forceinline__ Eight<T> loadRaw(const T* address) {
  Eight<T> raw;
#pragma unroll
  for (int pack = 0; pack < 8 / kPack<T>; pack++) {
    const Pack<unsigned, 4> loaded = *reinterpret_cast<const Pack<unsigned, 4>*>(address + pack * kPack<T>);
#pragma unroll
    for (int i = 0; i < 4; i++) {
      raw.words[pack * 4 + i] = loaded.at[i];
    }
  }
  return raw;
}

template <typename T>
__device__ __forceinline__ void widen(float (&wide)[8], const Eight<T>& raw) {
#pragma unroll
  for (int i = 0; i < 8; i++) {
    T half;
    half.bits = static_cast<unsigned short>(raw.words[i / 2] >> (16 * (i % 2)));
    wide[i] = toFloat(half);
  }
}

template <>
__device__ __forceinline__ void widen(float (&wide)[8], const Eight<float>& raw) {
#pragma unroll
  for (int i = 0; i < 8; i++) {
    wide[i] = floatOfBits(raw.words[i]);
  }
}

/** Eight consecutive elements, widened. */
template <typename T>
__device__ __forceinline__ void loadEight(float (&wide)[8], const T* address) {
  widen(wide, loadRaw(address));
}

/** Eight consecutive elements, narrowed. */
template <typename T>
__device__ __forceinline__ void storeEight(T* address, const float (&wide)[8]) {
#pragma unroll
  for (int pack = 0; pack < 8 / kPack<T>; pack++) {
    Pack128<T> stored;
#pragma unroll
    for (int i = 0; i < kPack<T>; i++) {
      stored.at[i] = fromFloat<T>(wide[pack * kPack<T> + i]);
    }
    storePack(address + pack * kPack<T>, stored);
  }
}

/** Whether every row of a (rows, cols) view can be walked in 128-bit steps. */
template <typename T>
__device__ __forceinline__ bool packable(const T* base, int cols, int rowStride) {
  return reinterpret_cast<uintptr_t>(base) % 16 == 0 && cols % kPack<T> == 0 && rowStride % kPack<T> == 0;
}

/** Copies a row, converting it, eight elements of each thread under way at once. All threads of the block call it. */
template <typename To, typename From>
__device__ __forceinline__ void copyRow(To* to, const From* from, int cols) {
  constexpr int kAtOnce = 8;
  const int step = blockDim.x;
  for (int first = threadIdx.x; first < cols; first += kAtOnce * step) {
    From element[kAtOnce];
#pragma unroll
    for (int j = 0; j < kAtOnce; j++) {
      const int c = first + j * step;
      element[j] = from[c < cols ? c : first];
    }
#pragma unroll
    for (int j = 0; j < kAtOnce; j++) {
      const int c = first + j * step;
      if (c < cols) {
        to[c] = fromFloat<To>(toFloat(element[j]));
      }
    }
  }
}

__device__ __forceinline__ int ceilDiv(int dividend, int divisor) {
  return dividend / divisor + (dividend % divisor != 0);
}

}  // namespace quest
