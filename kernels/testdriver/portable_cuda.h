// The part of CUDA C++ that our kernels use, for a host compiler: force-included before every .cu file of the
// test driver. Threads of a block are fibers (fiber.cpp); what a warp or a block does together is a rendezvous.
// Anything missing here is a compile error, never a silent difference.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#define QUEST_PORTABLE 1
#define __device__
#define __host__
#define __constant__ static const
#define __align__(bytes) alignas(bytes)
#define __forceinline__ inline __attribute__((always_inline))
// The twin of one instruction: its own exchange between lanes is not the kernel's, and must not hide or make a race.
#define QUEST_TWIN __attribute__((no_sanitize("thread")))
// Blocks run one after the other, so one copy per kernel is one copy per block; it starts with the leftovers of
// the block before, as on a device.
#define __shared__ static
#define QUEST_DYNAMIC_SHARED(name) unsigned char* const name = testdriver::dynamicShared()
#ifndef QUEST_LIST_KERNELS  // the build lists kernels from preprocessed text that keeps these two words
#define __global__
#define __launch_bounds__(...)
#endif

struct Index3 {
  unsigned x, y, z;
};
extern Index3 threadIdx, blockIdx, blockDim, gridDim;
constexpr int warpSize = 32;

namespace testdriver {

enum class WarpOp { kSync, kMeet, kShuffle, kBallot, kSum, kMin, kMax };

/** Meets the lanes of `mask`; gives `value` away and returns what the operation makes of all lanes' values. */
uint64_t meetWarp(WarpOp op, unsigned mask, uint64_t value, int sourceLane);

struct Votes {
  int count, all, any;
};

/** Meets all threads of the block that have not returned; counts the votes. */
Votes meetBlock(int vote);

/** Meets the 128 threads of this one's warpgroup. */
void meetWarpgroup();

int lane();
unsigned char* dynamicShared();
[[noreturn]] void trap(const char* what);

// races.cpp: what a twin that is not instrumented (QUEST_TWIN) tells of its accesses, and what orders others.
void checkRead(const void* from, size_t bytes);
void checkTensorRead(const void* from, size_t bytes);
void checkAligned(const void* at, const char* what);  // to 16 bytes
void checkAtomic(const void* address, size_t bytes);
void orderFence();
void publish();

// asynchronous.cpp: work that is done when the thread waits for it, not before.
void startCopy(void* shared, const void* global, bool present);
void commitCopies();
void waitCopies(int newest);
struct Product {
  void (*add)(const Product&);
  void* sums;
  const unsigned char* a;  // in shared memory, or null: in registers
  const unsigned char* b;
  unsigned registers[4];
  bool more;  // adds to the sums, which it otherwise replaces
};
void startProduct(const Product& product);
void commitProducts();
void waitProducts(int newest);

template <typename T>
T shuffle(unsigned mask, T value, int sourceLane) {
  static_assert(sizeof(T) <= 8, "a shuffle moves at most 8 bytes");
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = meetWarp(WarpOp::kShuffle, mask, bits, sourceLane);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace testdriver

inline void __syncthreads() { testdriver::meetBlock(0); }
inline int __syncthreads_count(int vote) { return testdriver::meetBlock(vote).count; }
inline int __syncthreads_and(int vote) { return testdriver::meetBlock(vote).all; }
inline int __syncthreads_or(int vote) { return testdriver::meetBlock(vote).any; }
inline void __syncwarp(unsigned mask = 0xffffffffu) { testdriver::meetWarp(testdriver::WarpOp::kSync, mask, 0, 0); }

namespace testdriver {

/** Lanes that execute one instruction together: a meeting that orders no memory. */
inline void meetLanes() { meetWarp(WarpOp::kMeet, 0xffffffffu, 0, 0); }

}  // namespace testdriver

// A source outside the lane's segment of `width` lanes gives the lane its own value back.
template <typename T>
T __shfl_sync(unsigned mask, T value, int source, int width = warpSize) {
  int lane = testdriver::lane();
  return testdriver::shuffle(mask, value, (lane & ~(width - 1)) | (source & (width - 1)));
}

template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int distance, int width = warpSize) {
  int lane = testdriver::lane();
  int source = lane ^ distance;
  return testdriver::shuffle(mask, value, source / width > lane / width ? lane : source);
}

template <typename T>
T __shfl_up_sync(unsigned mask, T value, unsigned distance, int width = warpSize) {
  int lane = testdriver::lane();
  int source = lane - static_cast<int>(distance);
  return testdriver::shuffle(mask, value, source < (lane & ~(width - 1)) ? lane : source);
}

template <typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned distance, int width = warpSize) {
  int lane = testdriver::lane();
  int source = lane + static_cast<int>(distance);
  return testdriver::shuffle(mask, value, source > (lane | (width - 1)) ? lane : source);
}

inline unsigned __ballot_sync(unsigned mask, int vote) {
  return static_cast<unsigned>(testdriver::meetWarp(testdriver::WarpOp::kBallot, mask, vote != 0, 0));
}
inline int __any_sync(unsigned mask, int vote) { return __ballot_sync(mask, vote) != 0; }
inline int __all_sync(unsigned mask, int vote) { return __ballot_sync(mask, !vote) == 0; }
inline int __reduce_add_sync(unsigned mask, int value) {
  return static_cast<int>(
      testdriver::meetWarp(testdriver::WarpOp::kSum, mask, static_cast<uint64_t>(static_cast<int64_t>(value)), 0));
}
inline int __reduce_max_sync(unsigned mask, int value) {
  return static_cast<int>(
      testdriver::meetWarp(testdriver::WarpOp::kMax, mask, static_cast<uint64_t>(static_cast<int64_t>(value)), 0));
}
inline int __reduce_min_sync(unsigned mask, int value) {
  return static_cast<int>(
      testdriver::meetWarp(testdriver::WarpOp::kMin, mask, static_cast<uint64_t>(static_cast<int64_t>(value)), 0));
}
inline unsigned __reduce_add_sync(unsigned mask, unsigned value) {
  return static_cast<unsigned>(testdriver::meetWarp(testdriver::WarpOp::kSum, mask, value, 0));
}
inline unsigned __reduce_max_sync(unsigned mask, unsigned value) {
  return static_cast<unsigned>(testdriver::meetWarp(testdriver::WarpOp::kMax, mask, value, 0));
}

namespace testdriver {

/** Fibers change hands only at a rendezvous, so a plain read-modify-write is atomic. */
template <typename T, typename Change>
QUEST_TWIN T change(T* address, Change change) {
  checkAtomic(address, sizeof(T));
  T old = *address;
  *address = change(old);
  return old;
}

}  // namespace testdriver

template <typename T>
T atomicAdd(T* address, T value) {
  return testdriver::change(address, [=](T old) { return old + value; });
}
template <typename T>
T atomicMax(T* address, T value) {
  return testdriver::change(address, [=](T old) { return value > old ? value : old; });
}
template <typename T>
T atomicMin(T* address, T value) {
  return testdriver::change(address, [=](T old) { return value < old ? value : old; });
}

inline void __threadfence() { testdriver::orderFence(); }
[[noreturn]] inline void __trap() { testdriver::trap("__trap()"); }

template <typename T>
T __ldg(const T* address) {
  return *address;
}
template <typename T>
T __ldcs(const T* address) {
  return *address;
}
template <typename T>
T __ldcg(const T* address) {
  return *address;
}
template <typename T>
void __stcs(T* address, T value) {
  *address = value;
}
template <typename T>
void __stcg(T* address, T value) {
  *address = value;
}

inline int __popc(unsigned value) { return __builtin_popcount(value); }
inline int __popcll(unsigned long long value) { return __builtin_popcountll(value); }
inline int __clz(int value) { return value == 0 ? 32 : __builtin_clz(static_cast<unsigned>(value)); }
inline int __ffs(int value) { return __builtin_ffs(value); }
inline float __expf(float x) { return std::exp(x); }
inline float __logf(float x) { return std::log(x); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fmaf_rn(float x, float y, float z) { return std::fma(x, y, z); }
inline float __fmul_rn(float x, float y) { return x * y; }
inline float __fadd_rn(float x, float y) { return x + y; }
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline int min(int a, int b) { return a < b ? a : b; }
inline int max(int a, int b) { return a > b ? a : b; }
inline unsigned min(unsigned a, unsigned b) { return a < b ? a : b; }
inline unsigned max(unsigned a, unsigned b) { return a > b ? a : b; }
inline long long min(long long a, long long b) { return a < b ? a : b; }
inline long long max(long long a, long long b) { return a > b ? a : b; }
inline float min(float a, float b) { return std::fmin(a, b); }
inline float max(float a, float b) { return std::fmax(a, b); }

inline float __uint_as_float(unsigned bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
inline unsigned __float_as_uint(float value) {
  unsigned bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}
inline float __int_as_float(int bits) { return __uint_as_float(static_cast<unsigned>(bits)); }
inline int __float_as_int(float value) { return static_cast<int>(__float_as_uint(value)); }

struct alignas(8) int2 {
  int x, y;
};
struct alignas(16) int4 {
  int x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
inline int2 make_int2(int x, int y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
