// Tensor cores: C (16 x 8, float) += A (16 x 16) . B (16 x 8) of one warp, for bf16 and f16 (PTX mma.m16n8k16), and the
// loads that bring 8 x 8 tiles from shared memory into the lanes' registers (PTX ldmatrix).
//
// With g = lane / 4 and t = lane % 4 a lane holds, two 16-bit elements per register:
//   A  reg 0: (g, 2t..)   reg 1: (g + 8, 2t..)   reg 2: (g, 2t + 8..)   reg 3: (g + 8, 2t + 8..)    row, k
//   B  reg 0: (2t.., g)   reg 1: (2t + 8.., g)                                                       k, column
//   C  at 0, 1: (g, 2t), (g, 2t + 1)   at 2, 3: (g + 8, 2t), (g + 8, 2t + 1)                         row, column
// All 32 lanes must call these together. The portable twins do the same with the lanes' registers laid side by side.
#pragma once

#include "vec.cuh"

namespace quest {

struct FragmentA {
  unsigned reg[4];
};

struct FragmentB {
  unsigned reg[2];
};

struct FragmentC {
  float at[4];
};

/** Two floats, rounded to T, as one register: `low` in the lower half. */
template <typename T>
__device__ __forceinline__ unsigned packHalves(float low, float high);

#ifdef QUEST_PORTABLE

template <typename T>
unsigned packHalves(float low, float high) {
  return fromFloat<T>(low).bits | static_cast<unsigned>(fromFloat<T>(high).bits) << 16;
}

template <typename T>
__device__ __forceinline__ float halfOf(unsigned reg, int upper) {
  T half;
  half.bits = static_cast<unsigned short>(reg >> (16 * upper));
  return toFloat(half);
}

template <typename T>
QUEST_TWIN void mma(FragmentC& c, const FragmentA& a, const FragmentB& b) {
  __shared__ FragmentA warpA[kWarp][kWarp];
  __shared__ FragmentB warpB[kWarp][kWarp];
  const int warp = threadIdx.x / kWarp;
  const int lane = threadIdx.x % kWarp;
  warpA[warp][lane] = a;
  warpB[warp][lane] = b;
  testdriver::meetLanes();  // all lanes' registers are laid out before any is read
  for (int i = 0; i < 4; i++) {
    const int row = lane / 4 + i / 2 * 8;
    const int column = lane % 4 * 2 + i % 2;
    for (int k = 0; k < 16; k++) {
      const int holder = k % 8 / 2;
      const float left = halfOf<T>(warpA[warp][row % 8 * 4 + holder].reg[row / 8 + k / 8 * 2], k % 2);
      const float right = halfOf<T>(warpB[warp][column * 4 + holder].reg[k / 8], k % 2);
      c.at[i] += left * right;
    }
  }
  testdriver::meetLanes();  // all have been read before the next call overwrites them
}

template <typename T>
__device__ inline FragmentC product(const FragmentA& a, const FragmentB& b) {
  FragmentC c = {};
  mma<T>(c, a, b);
  return c;
}

/** Twin of both ldmatrix forms: lane 8 m + r gives the address of row r of tile m. */
QUEST_TWIN inline void loadTiles(unsigned (&reg)[4], const void* row, bool transposed) {
  __shared__ const void* warpRows[kWarp][kWarp];
  const int warp = threadIdx.x / kWarp;
  const int lane = threadIdx.x % kWarp;
  warpRows[warp][lane] = row;
  testdriver::checkAligned(row, "a row of ldmatrix");
  testdriver::checkRead(row, 16);
  testdriver::meetLanes();  // all lanes' addresses are laid out before any is read
  for (int tile = 0; tile < 4; tile++) {
    unsigned short half[2];
    for (int i = 0; i < 2; i++) {
      const int tileRow = transposed ? lane % 4 * 2 + i : lane / 4;
      const int tileColumn = transposed ? lane / 4 : lane % 4 * 2 + i;
      half[i] = static_cast<const unsigned short*>(warpRows[warp][tile * 8 + tileRow])[tileColumn];
    }
    reg[tile] = half[0] | static_cast<unsigned>(half[1]) << 16;
  }
  testdriver::meetLanes();  // all have been read before the next call overwrites them
}

__device__ inline void loadTiles(unsigned (&reg)[4], const void* row) { loadTiles(reg, row, false); }

__device__ inline void loadTilesTransposed(unsigned (&reg)[4], const void* row) { loadTiles(reg, row, true); }

#else

template <>
__device__ __forceinline__ unsigned packHalves<bf16>(float low, float high) {
  unsigned packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}

template <>
__device__ __forceinline__ unsigned packHalves<f16>(float low, float high) {
  unsigned packed;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}

template <typename T>
__device__ __forceinline__ void mma(FragmentC& c, const FragmentA& a, const FragmentB& b);

template <>
__device__ __forceinline__ void mma<bf16>(FragmentC& c, const FragmentA& a, const FragmentB& b) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c.at[0]), "+f"(c.at[1]), "+f"(c.at[2]), "+f"(c.at[3])
      : "r"(a.reg[0]), "r"(a.reg[1]), "r"(a.reg[2]), "r"(a.reg[3]), "r"(b.reg[0]), "r"(b.reg[1]));
}

template <>
__device__ __forceinline__ void mma<f16>(FragmentC& c, const FragmentA& a, const FragmentB& b) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c.at[0]), "+f"(c.at[1]), "+f"(c.at[2]), "+f"(c.at[3])
      : "r"(a.reg[0]), "r"(a.reg[1]), "r"(a.reg[2]), "r"(a.reg[3]), "r"(b.reg[0]), "r"(b.reg[1]));
}

/** A . B alone, with no registers to clear first. */
template <typename T>
__device__ __forceinline__ FragmentC product(const FragmentA& a, const FragmentB& b);

template <>
__device__ __forceinline__ FragmentC product<f16>(const FragmentA& a, const FragmentB& b) {
  FragmentC c;
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%10,%10,%10,%10};"
      : "=f"(c.at[0]), "=f"(c.at[1]), "=f"(c.at[2]), "=f"(c.at[3])
      : "r"(a.reg[0]), "r"(a.reg[1]), "r"(a.reg[2]), "r"(a.reg[3]), "r"(b.reg[0]), "r"(b.reg[1]), "f"(0.0f));
  return c;
}

/**
 * Four 8 x 8 tiles of 16-bit elements from shared memory: lane 8 m + r gives the address of row r (16 bytes) of tile m;
 * register m gets elements 2t and 2t + 1 of row g of tile m.
 */
__device__ __forceinline__ void loadTiles(unsigned (&reg)[4], const void* row) {
  const unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(reg[0]), "=r"(reg[1]), "=r"(reg[2]), "=r"(reg[3])
               : "r"(address)
               : "memory");
}

/** The same, each tile transposed: register m gets rows 2t and 2t + 1 of column g. */
__device__ __forceinline__ void loadTilesTransposed(unsigned (&reg)[4], const void* row) {
  const unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(reg[0]), "=r"(reg[1]), "=r"(reg[2]), "=r"(reg[3])
               : "r"(address)
               : "memory");
}

#endif

}  // namespace quest
