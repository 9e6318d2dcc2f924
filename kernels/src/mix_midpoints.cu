// mix_midpoints: score_midpoints' products as shares of weight, softmax(scale * product) over the blocks before the
// segment, and beside the share (1 - previous) of them the share `previous` of the scores that stand there, which are
// those of the layer before.
//
//   scores (segments * Hkv, scoreStride)   products (segments * Hkv, blocks)   segments as of score_blocks.cu
//
// Moves 4 bytes per block in twice and out once. Grid: (Hkv, segments) blocks of 256 threads, on which the sum depends.
#include "online_softmax.cuh"
#include "reduce.cuh"

extern "C" __global__ void __launch_bounds__(256)
    mix_midpoints(float* __restrict__ scores, const float* __restrict__ products, const int* __restrict__ segments,
                  int segmentStride, int block, int blocks, int scoreStride, float scale, float previous) {
  const int segment = blockIdx.y;
  if (segments[2 * segmentStride + segment] == 0) {
    return;  // uniform over the block
  }
  const size_t entry = static_cast<size_t>(segment) * gridDim.x + blockIdx.x;
  const int before = segments[segmentStride + segment] / block;
  const float* product = products + entry * blocks;
  float* score = scores + entry * scoreStride;
  const float scaleLog2 = scale * quest::kLog2E;
  float best = quest::negativeInfinity();
  for (int i = threadIdx.x; i < before; i += blockDim.x) {
    best = quest::Max::combine(best, product[i] * scaleLog2);
  }
  best = quest::reduceBlock<quest::Max>(best);
  float sum = 0.0f;
  for (int i = threadIdx.x; i < before; i += blockDim.x) {
    sum += quest::exp2Fast(product[i] * scaleLog2 - best);
  }
  sum = quest::reduceBlock<quest::Sum>(sum);
  for (int i = threadIdx.x; i < before; i += blockDim.x) {
    const float share = quest::exp2Fast(product[i] * scaleLog2 - best) / sum;
    score[i] = previous == 0.0f ? share : (1.0f - previous) * share + previous * score[i];
  }
}
