// top_blocks: the best blocks before each segment within the budget, ties to the lower block, in ascending order: the
// first block and the best others, until there are enough or they and the segment's own keys reach a share of the weight.
//
//   list (segments * Hkv, maxBlocks)   listCount (segments * Hkv)   scores (segments * Hkv, scoreStride) from 0 on
//   segments (3, segmentStride): .., positions of first rows, whether the scores decide; else all blocks are listed
//
// Nothing is sorted: with the scores' bits as integers, the largest value from which on all scores are enough is found bit
// by bit, 31 passes over scores that stay in L1 (4,096 of them at 128K tokens). Weights are added as integers, of which
// 2^50 are all of it, as engine.ops.prefill.BlockBudget does: their order changes no bit, and a list is the CPU's.
// On the device, since the host would have to wait for each layer's scores, and the next layer for the host.
// Grid: (Hkv, segments) blocks of 256 threads.
#include "block_scan.cuh"
#include "vec.cuh"

namespace quest {

constexpr int kTopThreads = 256;

/** How many of the blocks, and the parts of weight that they have. */
struct Taken {
  int count;
  long long parts;
};

__device__ __forceinline__ long long partsOf(float score) {
  return static_cast<long long>(static_cast<double>(score) * 1125899906842624.0);  // 2^50
}

/** Adds up over the block; `turn` alternates from call to call, so that one barrier is enough. */
__device__ __forceinline__ Taken addUp(Taken mine, int turn) {
  __shared__ Taken ofWarps[2][kTopThreads / kWarp];
#pragma unroll
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    mine.count += __shfl_xor_sync(kAllLanes, mine.count, distance);
    mine.parts += __shfl_xor_sync(kAllLanes, mine.parts, distance);
  }
  if (threadIdx.x % kWarp == 0) {
    ofWarps[turn][threadIdx.x / kWarp] = mine;
  }
  __syncthreads();  // all warps' parts are there
  Taken all = {0, 0};
#pragma unroll
  for (int warp = 0; warp < kTopThreads / kWarp; warp++) {
    all.count += ofWarps[turn][warp].count;
    all.parts += ofWarps[turn][warp].parts;
  }
  return all;
}

/** Scores from block 1 on whose bits are `least` or more. */
__device__ __forceinline__ Taken from(const float* scores, int before, unsigned least, int turn) {
  Taken mine = {0, 0};
  for (int i = 1 + threadIdx.x; i < before; i += kTopThreads) {
    if (bitsOfFloat(scores[i]) >= least) {
      mine.count++;
      mine.parts += partsOf(scores[i]);
    }
  }
  return addUp(mine, turn);
}

/** Blocks that are chosen: those above a value, and the first ones equal to it. */
struct Chosen {
  unsigned value;
  int ties;
};

__device__ __forceinline__ Chosen choose(const float* scores, int before, int most, long long enough, long long whole) {
  Taken all = from(scores, before, 0, 0);
  const long long first = partsOf(scores[0]);
  const long long reached = whole - all.parts;  // by the segment's own keys and the first block
  if (most <= 1 || reached >= enough) {
    return {0xffffffffu, 0};
  }
  unsigned value = 0;
  int turn = 0;
  if (1 + all.count < most && reached + all.parts < enough) {
    return {0, before};  // not even all are enough
  }
  for (int bit = 30; bit >= 0; bit--) {
    const unsigned candidate = value | 1u << bit;
    turn ^= 1;
    const Taken taken = from(scores, before, candidate, turn);
    if (1 + taken.count >= most || reached + taken.parts >= enough) {
      value = candidate;
    }
  }
  turn ^= 1;
  const Taken above = from(scores, before, value + 1, turn);
  const long long each = partsOf(floatOfBits(value));
  int ties = most - 1 - above.count;
  if (each > 0) {
    const long long missing = enough - reached - above.parts;
    const long long needed = (missing + each - 1) / each;
    ties = needed < ties ? static_cast<int>(needed) : ties;
  }
  return {value, ties};
}

}  // namespace quest

extern "C" __global__ void __launch_bounds__(256)
    top_blocks(int* __restrict__ list, int* __restrict__ listCount, const float* __restrict__ scores,
               const int* __restrict__ segments, int segmentStride, int maxBlocks, int block, int scoreStride, int most,
               long long enough, long long whole) {
  const size_t entry = static_cast<size_t>(blockIdx.y) * gridDim.x + blockIdx.x;
  const int before = segments[segmentStride + blockIdx.y] / block;
  int* target = list + entry * maxBlocks;
  const float* score = scores + entry * scoreStride;
  if (segments[2 * segmentStride + blockIdx.y] == 0) {
    for (int i = threadIdx.x; i < before; i += blockDim.x) {
      target[i] = i;
    }
    if (threadIdx.x == 0) {
      listCount[entry] = before;
    }
    return;  // uniform over the block
  }
  const quest::Chosen chosen = quest::choose(score, before, most, enough, whole);
  int listed = 0;
  int tied = 0;
  for (int base = 0; base < before; base += quest::kTopThreads) {
    const int i = base + static_cast<int>(threadIdx.x);
    const unsigned bits = i < before ? quest::bitsOfFloat(score[i]) : 0;
    const bool above = i == 0 || (i < before && bits > chosen.value);
    const bool tie = i > 0 && i < before && bits == chosen.value;
    // Both counts in one scan: those above in the upper half, ties in the lower one.
    const unsigned long long mine = static_cast<unsigned long long>(above) << 32 | static_cast<unsigned>(tie);
    const unsigned long long lower = quest::exclusiveScanBlock(mine);
    const int ties = tied + static_cast<int>(lower & 0xffffffffu);
    if (above || (tie && ties < chosen.ties)) {
      target[listed + static_cast<int>(lower >> 32) + min(ties, chosen.ties)] = i;
    }
    __shared__ unsigned long long total;
    if (threadIdx.x == quest::kTopThreads - 1) {
      total = lower + mine;
    }
    __syncthreads();  // the total is there
    listed += static_cast<int>(total >> 32);
    tied += static_cast<int>(total & 0xffffffffu);
    __syncthreads();  // the total has been read
  }
  if (threadIdx.x == 0) {
    listCount[entry] = listed + min(tied, chosen.ties);
  }
}
