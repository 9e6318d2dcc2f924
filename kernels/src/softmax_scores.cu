// softmax_scores: reduces the scores of a group's query heads to one per digest block: the sum over the heads of each
// head's softmax(scale * score) over the blocks that the row scored.
//
//   scores (rows * Hkv, scoreStride)   headScores (rows * Hq, headStride), of score_pages   entries as there
//
// A head with large scores does not outvote the others, as it does in a plain sum: each has a mass of 1 to give. A NaN
// stays NaN, which ranks below all others, and takes no part in the rest.
// Moves 8 * G bytes per block of a KV head in, the second half from L2, and 4 out; two exponentials per score.
// Every sum has an order that follows from the number of blocks alone, so a row's bits do not depend on the batch.
// Grid: (Hkv, rows) blocks of 512 threads, rows from `fromRow`. Dynamic shared memory: 8 * G bytes.
#include "online_softmax.cuh"
#include "paged_kv.cuh"
#include "reduce.cuh"
#include "shared_memory.cuh"

namespace quest {

constexpr int kHeadScoresAtOnce = 8;  // that a thread has under way

/** Maximum and sum of one head's softmax over its `count` scores, in every thread. All threads of the block call it. */
__device__ __forceinline__ SoftmaxState headSoftmax(const float* scores, int count, float scaleLog2) {
  SoftmaxState mine = SoftmaxState::empty();
  const int step = blockDim.x;
  for (int from = threadIdx.x; from < count; from += kHeadScoresAtOnce * step) {
    float score[kHeadScoresAtOnce];
    float best = negativeInfinity();
#pragma unroll
    for (int j = 0; j < kHeadScoresAtOnce; j++) {
      const int i = from + j * step;
      score[j] = i < count ? scores[i] * scaleLog2 : negativeInfinity();
    }
#pragma unroll
    for (int j = 0; j < kHeadScoresAtOnce; j++) {
      best = score[j] > best ? score[j] : best;  // never NaN
    }
    mine.raise(best);
#pragma unroll
    for (int j = 0; j < kHeadScoresAtOnce; j++) {
      mine.sum += score[j] == score[j] ? mine.weight(score[j]) : 0.0f;
    }
  }
  SoftmaxState whole = {reduceBlock<Max>(mine.maximum), 0.0f};
  whole.sum = reduceBlock<Sum>(mine.sum * whole.weight(mine.maximum));
  return whole;
}

__device__ __forceinline__ void softmaxScores(float* scores, const float* headScores, const RowPages& row,
                                              const ScoredBlocks& scored, int group, int scoreStride, int headStride,
                                              float scale) {
  QUEST_DYNAMIC_SHARED(shared);
  SoftmaxState* ofHead = reinterpret_cast<SoftmaxState*>(shared);
  const size_t entry = static_cast<size_t>(blockIdx.y) * gridDim.x + blockIdx.x;
  const float* first = headScores + entry * group * headStride + scored.from;
  float* target = scores + entry * scoreStride + scored.from;
  const int count = scored.to - scored.from;
  const float scaleLog2 = scale * kLog2E;
  for (int head = 0; head < group; head++) {
    const SoftmaxState state = headSoftmax(first + static_cast<size_t>(head) * headStride, count, scaleLog2);
    if (threadIdx.x == 0) {
      ofHead[head] = {state.maximum, state.normalizer()};
    }
  }
  __syncthreads();  // all heads' states are written before all read them
  for (int i = threadIdx.x; i < count; i += blockDim.x) {
    float sum = 0.0f;
#pragma unroll 4
    for (int head = 0; head < group; head++) {
      const float score = first[static_cast<size_t>(head) * headStride + i] * scaleLog2;
      sum += ofHead[head].weight(score) * ofHead[head].sum;
    }
    target[i] = sum;
  }
}

}  // namespace quest

extern "C" __global__ void __launch_bounds__(512)
    softmax_scores(float* __restrict__ scores, const float* __restrict__ headScores,
                   const int* __restrict__ positions, const int* __restrict__ rowSpan,
                   const int* __restrict__ spanPages, const int* __restrict__ pageTable, int fromRow, int unit,
                   int digestBlockSize, int group, int window, int scoreStride, int headStride, float scale,
                   int budgetUnits, int sinkTokens, int recentTokens, int minContextTokens) {
  const quest::RowPages row = quest::RowPages::of(fromRow + blockIdx.y, positions, rowSpan, spanPages, pageTable,
                                                  unit, window);
  const quest::PageBudget budget = {budgetUnits, sinkTokens, recentTokens, minContextTokens};
  if (!budget.readsAll(row)) {  // uniform over the block
    quest::softmaxScores(scores, headScores, row, quest::ScoredBlocks::of(row, digestBlockSize, 0), group, scoreStride,
                         headStride, scale);
  }
}
