// merge_block_sums: between score_blocks' two passes: log2 of each product row's sum of exponentials over all chunks.
//
//   logs (segments * Hkv, rowStride)   sums (segments * Hkv, chunks, rowStride, 2); see score_blocks.cu
//
// Moves 8 bytes per chunk and row in.
// Grid: (ceil(most rows / 128), Hkv, segments) blocks of 128 threads.
#include "online_softmax.cuh"

extern "C" __global__ void __launch_bounds__(128)
    merge_block_sums(float* __restrict__ logs, const float* __restrict__ sums, const int* __restrict__ segments,
                     int segmentStride, int stride, int most, int chunks, int rowStride, int group) {
  const size_t entry = static_cast<size_t>(blockIdx.z) * gridDim.y + blockIdx.y;
  const int strides = (segments[blockIdx.z + 1] - segments[blockIdx.z]) / stride;
  const int rows = group * (most < strides ? most : strides);
  const int row = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= rows || segments[2 * segmentStride + blockIdx.z] == 0) {
    return;
  }
  quest::SoftmaxState state = quest::SoftmaxState::empty();
  for (int chunk = 0; chunk < chunks; chunk++) {
    const float* part = sums + ((entry * chunks + chunk) * rowStride + row) * 2;
    state.raise(part[0]);
    state.sum += part[1] * state.weight(part[0]);
  }
  logs[entry * rowStride + row] = state.maximum + log2f(state.sum);
}
