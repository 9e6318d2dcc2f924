// softmax_scores: reduces the scores of a group's query heads to one per digest block: the sum over the heads of each
// head's softmax(scale * score) over the blocks that the row scored.
//
//   scores (rows * Hkv, scoreStride)   headScores (rows * Hq, headStride), of score_pages   entries as there
//
// Why so: head_softmax.cuh.
// Moves 8 * G bytes per block of a KV head in, the second half from L2, and 4 out; two exponentials per score.
// Every sum has an order that follows from the number of blocks alone, so a row's bits do not depend on the batch.
// Grid: (Hkv, rows) blocks of 512 threads, rows from `fromRow`. Dynamic shared memory: 8 * G bytes.
#include "head_softmax.cuh"
#include "paged_kv.cuh"
#include "shared_memory.cuh"

namespace quest {

__device__ __forceinline__ void softmaxScores(float* scores, const float* headScores, const RowPages& row,
                                              const ScoredBlocks& scored, int group, int scoreStride, int headStride,
                                              float scale) {
  QUEST_DYNAMIC_SHARED(shared);
  SoftmaxState* ofHead = reinterpret_cast<SoftmaxState*>(shared);
  const size_t entry = static_cast<size_t>(blockIdx.y) * gridDim.x + blockIdx.x;
  const float* first = headScores + entry * group * headStride + scored.from;
  sumHeadSoftmaxes(scores + entry * scoreStride + scored.from, first, scored.to - scored.from, group, headStride,
                   scale * kLog2E, ofHead);
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
