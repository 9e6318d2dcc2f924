// Which tiles of 64 rows and 64 keys attend_prefill leaves out: each warp says whether one of its rows wants the tile, and
// the warps of 64 rows go by what any of them said. Also counts the key blocks of those that are read, row by row.
#pragma once

#include "vec.cuh"

namespace quest {

constexpr int kVotingRows = 64;

/** Without `Skips` it is nothing. A warp has `WarpRows` rows; lane 4 i of it counts rows i, i + 8, i + 16, .. */
template <bool Skips, int WarpRows, int Warps>
struct TileVotes {
  __device__ __forceinline__ TileVotes(int*, int) {}
};

template <int WarpRows, int Warps>
struct TileVotes<true, WarpRows, Warps> {
  static constexpr int kVoters = kVotingRows / WarpRows;
  static_assert(Warps % kVoters == 0, "the warps of 64 rows are whole");

  int* memory;  // shared: two of every `step` numbers, the i-th row's count (its lane's own) and the i-th warp's vote
  int step;

  __device__ __forceinline__ TileVotes(int* memory, int step) : memory(memory), step(step) {
    const int lane = threadIdx.x % kWarp;
#pragma unroll
    for (int i = 0; i < WarpRows; i += 8) {
      if (lane % 4 == 0) {
        memory[(threadIdx.x / kWarp * WarpRows + lane / 4 + i) * step] = 0;
      }
    }
  }

  /** The warp's vote, the same in all lanes; a barrier of the 64 rows' warps follows, and another before the next one. */
  __device__ __forceinline__ void put(bool wanted) const {
    if (threadIdx.x % kWarp == 0) {
      memory[threadIdx.x / kWarp * step + 1] = wanted;
    }
  }

  /** Whether the tile is read. */
  __device__ __forceinline__ bool any() const {
    const int first = threadIdx.x / kWarp / kVoters * kVoters;
    int all = 0;
#pragma unroll
    for (int i = 0; i < kVoters; i++) {
      all |= memory[(first + i) * step + 1];
    }
    return all != 0;
  }

  /** Counts the tile at `base`; `firstPlace` is where the block's first row has its own key. */
  template <typename Span>
  __device__ __forceinline__ void count(const Span& span, int base, int firstPlace) const {
    const int lane = threadIdx.x % kWarp;
#pragma unroll
    for (int i = 0; i < WarpRows; i += 8) {
      const int row = threadIdx.x / kWarp * WarpRows + lane / 4 + i;
      if (lane % 4 == 0) {
        memory[row * step] += span.blocksOf(base, firstPlace + row);
      }
    }
  }

  /** What a row of the lane has read. */
  __device__ __forceinline__ int counted(int row) const { return memory[row * step]; }
};

}  // namespace quest
