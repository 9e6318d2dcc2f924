// keep_blocks: fills each block list without looking at scores: the first blocks and the last ones before the segment.
//
//   list (segments * Hkv, maxBlocks) ascending   listCount (segments * Hkv)   segmentStarts (segments) positions
//
// Moves at most segments * Hkv * maxBlocks ints out. Grid: (Hkv, segments) blocks of 128 threads.
#include "vec.cuh"

extern "C" __global__ void __launch_bounds__(128)
    keep_blocks(int* __restrict__ list, int* __restrict__ listCount, const int* __restrict__ segmentStarts,
                int maxBlocks, int block, int first, int last) {
  const int before = segmentStarts[blockIdx.y] / block;
  const bool all = first >= before || last >= before - first;
  const int kept = all ? before : first + last;
  const size_t entry = static_cast<size_t>(blockIdx.y) * gridDim.x + blockIdx.x;
  for (int i = threadIdx.x; i < kept; i += blockDim.x) {
    list[entry * maxBlocks + i] = all || i < first ? i : before - (kept - i);
  }
  if (threadIdx.x == 0) {
    listCount[entry] = kept;
  }
}
