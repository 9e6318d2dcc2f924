// Attention's two products on a warpgroup's tensor cores (wgmma.cuh), for D = 128 and blocks of 64 keys. A panel tile
// is 64 rows (queries, keys or values) of 128 channels: two tiles of 64 channels, each swizzled, one after the other.
//
// All 128 threads of a warpgroup call these together. Warp w of it holds rows 16 w .. 16 w + 15 of A and C, laid out
// over its lanes as in tile_mma.cuh.
#pragma once

#include "wgmma.cuh"

#ifdef QUEST_HAS_WGMMA

namespace quest {

constexpr int kPanelBytes = 64 * kWgmmaRowBytes;
constexpr int kPanelTileBytes = 2 * kPanelBytes;

/** Byte of a row's chunk of 8 channels in a panel tile. */
__device__ __forceinline__ int panelAt(int row, int chunk) {
  return chunk / 8 * kPanelBytes + swizzledChunk(row, chunk % 8);
}

/** A panel tile's channels from `channel` on, a multiple of 16, as an operand that sums over channels. */
__device__ __forceinline__ WgmmaTile panelChannels(const unsigned char* tile, int channel) {
  return wgmmaAhead(wgmmaTile(tile + channel / kWgmmaDepth * kPanelBytes), channel % kWgmmaDepth / 16);
}

#ifdef QUEST_PORTABLE

/** A panel tile's rows from `row` on, a multiple of 16, as an operand that sums over rows. */
__device__ __forceinline__ WgmmaTile panelRows(const unsigned char* tile, int row) {
  return tile + row * kWgmmaRowBytes;
}

/** Each lane computes its own elements, as in wgmma.cuh. */
template <typename T>
QUEST_TWIN void addScores(const testdriver::Product& product) {
  FragmentC* c = static_cast<FragmentC*>(product.sums);
  tellRead(product.a + threadIdx.x % kWgmmaThreads / kWarp * 16 * kWgmmaRowBytes, 16, 2);
  tellRead(product.b, 64, 2);
  const int lane = threadIdx.x % kWarp;
  for (int n = 0; n < 8; n++) {
    for (int i = 0; i < 4; i++) {
      const int row = threadIdx.x % kWgmmaThreads / kWarp * 16 + lane / 4 + i / 2 * 8;
      float sum = product.more ? c[n].at[i] : 0.0f;
      for (int k = 0; k < 16; k++) {
        const int key = n * 8 + lane % 4 * 2 + i % 2;
        sum += swizzledElement<T>(product.a, row, k) * swizzledElement<T>(product.b, key, k);
      }
      c[n].at[i] = sum;
    }
  }
}

template <typename T>
void wgmmaScores(FragmentC (&c)[8], WgmmaTile q, WgmmaTile keys, bool more) {
  testdriver::startProduct({addScores<T>, c, q, keys, {}, more});
}

/** A stands in registers, spread over the warp: mma's twin knows how. */
template <typename T>
QUEST_TWIN void addGathered(const testdriver::Product& product) {
  FragmentC* c = static_cast<FragmentC*>(product.sums);
  const unsigned* reg = product.registers;
  const FragmentA a = {{reg[0], reg[1], reg[2], reg[3]}};
  tellRead(product.b, 16, 8);
  tellRead(product.b + kPanelBytes, 16, 8);
  const int lane = threadIdx.x % kWarp;
  for (int n = 0; n < 16; n++) {
    const WgmmaTile panel = product.b + n / 8 * kPanelBytes;
    FragmentB b;
    for (int r = 0; r < 2; r++) {
      const int row = r * 8 + lane % 4 * 2;
      const int channel = n % 8 * 8 + lane / 4;
      b.reg[r] = packHalves<T>(swizzledElement<T>(panel, row, channel), swizzledElement<T>(panel, row + 1, channel));
    }
    mma<T>(c[n], a, b);
  }
}

template <typename T>
void wgmmaGather(FragmentC (&c)[16], const FragmentA& a, WgmmaTile values) {
  testdriver::startProduct({addGathered<T>, c, nullptr, values, {a.reg[0], a.reg[1], a.reg[2], a.reg[3]}, true});
}

#else

/** The next 64 channels are a panel further: the descriptor's leading offset. */
__device__ __forceinline__ WgmmaTile panelRows(const unsigned char* tile, int row) {
  constexpr WgmmaTile kLeading = static_cast<WgmmaTile>((kPanelBytes >> 4) - 1) << 16;
  return wgmmaTile(tile + row * kWgmmaRowBytes) + kLeading;
}

#define QUEST_SUMS(n) "+f"(c[n].at[0]), "+f"(c[n].at[1]), "+f"(c[n].at[2]), "+f"(c[n].at[3])

/** Starts c (64, 64 keys) += q (64, 16) . keys (64, 16)^T; without `more` it overwrites c. */
template <typename T>
__device__ __forceinline__ void wgmmaScores(FragmentC (&c)[8], WgmmaTile q, WgmmaTile keys, bool more);

template <>
__device__ __forceinline__ void wgmmaScores<bf16>(FragmentC (&c)[8], WgmmaTile q, WgmmaTile keys, bool more) {
  asm volatile(
      "{\n.reg .pred add;\nsetp.ne.b32 add, %34, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, "
      "%23, %24, %25, %26, %27, %28, %29, %30, %31}, %32, %33, add, 1, 1, 0, 0;\n}"
      : QUEST_SUMS(0), QUEST_SUMS(1), QUEST_SUMS(2), QUEST_SUMS(3), QUEST_SUMS(4), QUEST_SUMS(5), QUEST_SUMS(6),
        QUEST_SUMS(7)
      : "l"(descriptor(q)), "l"(descriptor(keys)), "r"(static_cast<int>(more))
      : "memory");
}

template <>
__device__ __forceinline__ void wgmmaScores<f16>(FragmentC (&c)[8], WgmmaTile q, WgmmaTile keys, bool more) {
  asm volatile(
      "{\n.reg .pred add;\nsetp.ne.b32 add, %34, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, "
      "%23, %24, %25, %26, %27, %28, %29, %30, %31}, %32, %33, add, 1, 1, 0, 0;\n}"
      : QUEST_SUMS(0), QUEST_SUMS(1), QUEST_SUMS(2), QUEST_SUMS(3), QUEST_SUMS(4), QUEST_SUMS(5), QUEST_SUMS(6),
        QUEST_SUMS(7)
      : "l"(descriptor(q)), "l"(descriptor(keys)), "r"(static_cast<int>(more))
      : "memory");
}

/** Starts c (64, 128) += a (64, 16 keys) . values (16, 128). */
template <typename T>
__device__ __forceinline__ void wgmmaGather(FragmentC (&c)[16], const FragmentA& a, WgmmaTile values);

template <>
__device__ __forceinline__ void wgmmaGather<bf16>(FragmentC (&c)[16], const FragmentA& a, WgmmaTile values) {
  asm volatile(
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, "
      "%23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, "
      "%44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, "
      "{%64, %65, %66, %67}, %68, 1, 1, 1, 1;"
      : QUEST_SUMS(0), QUEST_SUMS(1), QUEST_SUMS(2), QUEST_SUMS(3), QUEST_SUMS(4), QUEST_SUMS(5), QUEST_SUMS(6),
        QUEST_SUMS(7), QUEST_SUMS(8), QUEST_SUMS(9), QUEST_SUMS(10), QUEST_SUMS(11), QUEST_SUMS(12),
        QUEST_SUMS(13), QUEST_SUMS(14), QUEST_SUMS(15)
      : "r"(a.reg[0]), "r"(a.reg[1]), "r"(a.reg[2]), "r"(a.reg[3]), "l"(descriptor(values))
      : "memory");
}

template <>
__device__ __forceinline__ void wgmmaGather<f16>(FragmentC (&c)[16], const FragmentA& a, WgmmaTile values) {
  asm volatile(
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, "
      "%23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, "
      "%44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, "
      "{%64, %65, %66, %67}, %68, 1, 1, 1, 1;"
      : QUEST_SUMS(0), QUEST_SUMS(1), QUEST_SUMS(2), QUEST_SUMS(3), QUEST_SUMS(4), QUEST_SUMS(5), QUEST_SUMS(6),
        QUEST_SUMS(7), QUEST_SUMS(8), QUEST_SUMS(9), QUEST_SUMS(10), QUEST_SUMS(11), QUEST_SUMS(12),
        QUEST_SUMS(13), QUEST_SUMS(14), QUEST_SUMS(15)
      : "r"(a.reg[0]), "r"(a.reg[1]), "r"(a.reg[2]), "r"(a.reg[3]), "l"(descriptor(values))
      : "memory");
}

#undef QUEST_SUMS

#endif

}  // namespace quest

#endif
