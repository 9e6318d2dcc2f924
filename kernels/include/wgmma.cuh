// Warpgroup tensor cores (PTX wgmma, compute capability 9.0 only): C (64 x N, float) += A (64 x 16) . B (N x 16)^T, both
// bf16 and read from shared memory by the tensor cores themselves, while the four warps go on.
//
// A tile is rows of 64 channels, 128 bytes, in the 128-byte swizzle: 16-byte chunk c of row r lies at chunk c ^ (r % 8).
// It starts on a 1024-byte boundary, and 16 channels on is 32 bytes on: the hardware swizzles addresses, not offsets.
// C: with w = warp of the group, g = lane / 4, t = lane % 4, element i of a lane is
//   row 16 w + g + 8 (i / 2 % 2), column 8 (i / 4) + 2 t + i % 2
// Compiled for sm_90a alone; QUEST_HAS_WGMMA tells a kernel whether it has a body.
#pragma once

#include "tile_mma.cuh"

#if defined(QUEST_PORTABLE) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define QUEST_HAS_WGMMA 1

namespace quest {

constexpr int kWgmmaThreads = 128;
constexpr int kWgmmaDepth = 64;  // channels of a tile: a row is as wide as the swizzle
constexpr int kWgmmaRowBytes = 128;

/** Where chunk `chunk` (16 bytes) of row `row` lies in a tile. */
__device__ __forceinline__ int swizzledChunk(int row, int chunk) {
  return row * kWgmmaRowBytes + ((chunk ^ (row & 7)) << 4);
}

#ifdef QUEST_PORTABLE

using WgmmaTile = const unsigned char*;

__device__ __forceinline__ WgmmaTile wgmmaTile(const unsigned char* tile) { return tile; }

__device__ __forceinline__ WgmmaTile wgmmaAhead(WgmmaTile tile, int sixteens) { return tile + 32 * sixteens; }

__device__ __forceinline__ unsigned sharedAddress(const void* shared) {
  return static_cast<unsigned>(reinterpret_cast<uintptr_t>(shared));
}

template <typename T>
__device__ __forceinline__ const T* swizzledAt(WgmmaTile tile, int row, int k) {
  const uintptr_t plain = reinterpret_cast<uintptr_t>(tile) + row * kWgmmaRowBytes + k * 2;
  return reinterpret_cast<const T*>(plain ^ (plain >> 3 & 0x70));
}

template <typename T>
__device__ __forceinline__ float swizzledElement(WgmmaTile tile, int row, int k) {
  return toFloat(*swizzledAt<T>(tile, row, k));
}

/** Tells that the warp reads `rows` rows of `chunks` times 8 channels; its lanes share the telling. */
__device__ __forceinline__ void tellRead(WgmmaTile tile, int rows, int chunks) {
  for (int i = threadIdx.x % kWarp; i < rows * chunks; i += kWarp) {
    testdriver::checkTensorRead(swizzledAt<bf16>(tile, i / chunks, i % chunks * 8), 16);
  }
}

/** Each lane computes its own elements: a twin needs no exchange, as all lanes can read the tiles. */
template <int N>
QUEST_TWIN void addProducts(const testdriver::Product& product) {
  float* c = static_cast<float*>(product.sums);
  tellRead(product.a + threadIdx.x % kWgmmaThreads / kWarp * 16 * kWgmmaRowBytes, 16, 2);
  tellRead(product.b, N, 2);
  const int lane = threadIdx.x % kWarp;
  for (int i = 0; i < N / 2; i++) {
    const int row = threadIdx.x % kWgmmaThreads / kWarp * 16 + lane / 4 + i / 2 % 2 * 8;
    const int col = i / 4 * 8 + lane % 4 * 2 + i % 2;
    float sum = c[i];
    for (int k = 0; k < 16; k++) {
      sum += swizzledElement<bf16>(product.a, row, k) * swizzledElement<bf16>(product.b, col, k);
    }
    c[i] = sum;
  }
}

template <int N>
inline void wgmma(float (&c)[N / 2], WgmmaTile a, WgmmaTile b) {
  testdriver::startProduct({addProducts<N>, c, a, b, {}, true});
}

inline void syncWarpgroup() { testdriver::meetWarpgroup(); }
inline void publishCopies() { testdriver::publish(); }
inline void beginWgmma() {}
inline void commitWgmma() { testdriver::commitProducts(); }
template <int Newest>
void waitWgmma() {
  testdriver::waitProducts(Newest);
}

#else

/** Lower half of a tile's descriptor: its address in shared memory. Tiles differ in nothing else. */
using WgmmaTile = unsigned;

/** The whole of it: 1024 bytes from eight rows to the next eight, 128-byte swizzle. */
__device__ __forceinline__ unsigned long long descriptor(WgmmaTile tile) {
  return static_cast<unsigned long long>(tile) | 64ull << 32 | 1ull << 62;
}

__device__ __forceinline__ unsigned sharedAddress(const void* shared) {
  return static_cast<unsigned>(__cvta_generic_to_shared(shared));
}

__device__ __forceinline__ WgmmaTile wgmmaTile(const unsigned char* tile) {
  return (sharedAddress(tile) & 0x3ffff) >> 4 | 1u << 16;
}

/** The tile from its channel 16 * sixteens on; the address field counts 16 bytes. */
__device__ __forceinline__ WgmmaTile wgmmaAhead(WgmmaTile tile, int sixteens) { return tile + 2 * sixteens; }

/** A barrier of this warpgroup's 128 threads alone; the block's own barrier is number 0. */
__device__ __forceinline__ void syncWarpgroup() {
  asm volatile("bar.sync %0, 128;" ::"r"(1 + static_cast<int>(threadIdx.x) / kWgmmaThreads) : "memory");
}

/** Makes what this thread wrote or copied into shared memory visible to the tensor cores; a barrier follows. */
__device__ __forceinline__ void publishCopies() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

/** Before the first wgmma, and before one that reads registers which the warps have written. */
__device__ __forceinline__ void beginWgmma() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }

__device__ __forceinline__ void commitWgmma() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

/** Waits until at most `Newest` committed groups of this warpgroup are under way. */
template <int Newest>
__device__ __forceinline__ void waitWgmma() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Newest) : "memory");
}

#define QUEST_SUMS8(c, i)                                                                                  \
  "+f"(c[i]), "+f"(c[i + 1]), "+f"(c[i + 2]), "+f"(c[i + 3]), "+f"(c[i + 4]), "+f"(c[i + 5]), "+f"(c[i + 6]), \
      "+f"(c[i + 7])

/** Starts C += A . B; C is not to be touched until the group has been waited for. */
template <int N>
__device__ __forceinline__ void wgmma(float (&c)[N / 2], WgmmaTile a, WgmmaTile b);

template <>
__device__ __forceinline__ void wgmma<16>(float (&c)[8], WgmmaTile a, WgmmaTile b) {
  asm volatile(
        "{\n.reg .pred add;\nsetp.eq.u32 add, 0, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n16k16.f32.bf16.bf16 {"
        "%0, %1, %2, %3, %4, %5, %6, %7"
        "}, %8, %9, add, 1, 1, 0, 0;\n}"
        : QUEST_SUMS8(c, 0)
        : "l"(descriptor(a)), "l"(descriptor(b)));
}

template <>
__device__ __forceinline__ void wgmma<64>(float (&c)[32], WgmmaTile a, WgmmaTile b) {
  asm volatile(
        "{\n.reg .pred add;\nsetp.eq.u32 add, 0, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {"
        "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
        "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
        "}, %32, %33, add, 1, 1, 0, 0;\n}"
        : QUEST_SUMS8(c, 0), QUEST_SUMS8(c, 8), QUEST_SUMS8(c, 16), QUEST_SUMS8(c, 24)
        : "l"(descriptor(a)), "l"(descriptor(b)));
}

template <>
__device__ __forceinline__ void wgmma<256>(float (&c)[128], WgmmaTile a, WgmmaTile b) {
  asm volatile(
        "{\n.reg .pred add;\nsetp.eq.u32 add, 0, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 {"
        "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
        "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
        "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
        "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, "
        "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "
        "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "
        "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, "
        "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"
        "}, %128, %129, add, 1, 1, 0, 0;\n}"
        : QUEST_SUMS8(c, 0), QUEST_SUMS8(c, 8), QUEST_SUMS8(c, 16), QUEST_SUMS8(c, 24), QUEST_SUMS8(c, 32),
          QUEST_SUMS8(c, 40), QUEST_SUMS8(c, 48), QUEST_SUMS8(c, 56), QUEST_SUMS8(c, 64), QUEST_SUMS8(c, 72),
          QUEST_SUMS8(c, 80), QUEST_SUMS8(c, 88), QUEST_SUMS8(c, 96), QUEST_SUMS8(c, 104),
          QUEST_SUMS8(c, 112), QUEST_SUMS8(c, 120)
        : "l"(descriptor(a)), "l"(descriptor(b)));
}

#undef QUEST_SUMS8

#endif

}  // namespace quest

#endif
