// softmax_prefix: reduces the scores of a group's query heads to one per tile of the prefix, as softmax_scores does for live
// pages (head_softmax.cuh).
//
//   scores (rows * Hkv, scoreStride)   headScores (rows * Hq, headStride), of score_prefix   entries as there
//   tables, rowTables: prefix_pages.cuh
//
// Moves 8 * G bytes per tile of a KV head in, the second half from L2, and 4 out.
// Grid: (Hkv, rows) blocks of 512 threads, rows from `fromRow`. Dynamic shared memory: 8 * G bytes.
#include "head_softmax.cuh"
#include "prefix_pages.cuh"
#include "shared_memory.cuh"

extern "C" __global__ void __launch_bounds__(512)
    softmax_prefix(float* __restrict__ scores, const float* __restrict__ headScores, const int* __restrict__ tables,
                   const int* __restrict__ rowTables, const int* __restrict__ positions, int fromRow, int firstList,
                   int lists, int unit, int tile, int group, int scoreStride, int headStride, float scale,
                   int budgetUnits, int sinkTokens, int recentTokens, int minContextTokens) {
  QUEST_DYNAMIC_SHARED(shared);
  const int row = fromRow + blockIdx.y;
  const quest::PrefixList prefix =
      quest::PrefixList::of(tables, rowTables, row, lists, firstList + static_cast<int>(blockIdx.x));
  const quest::PrefixRead read = quest::PrefixRead::of(prefix, positions[row], unit, budgetUnits, sinkTokens,
                                                       recentTokens, minContextTokens);
  if (!read.readsAll()) {  // uniform over the block
    const size_t entry = static_cast<size_t>(blockIdx.y) * gridDim.x + blockIdx.x;
    quest::sumHeadSoftmaxes(scores + entry * scoreStride, headScores + entry * group * headStride,
                            quest::ceilDiv(prefix.slots, tile), group, headStride, scale * quest::kLog2E,
                            reinterpret_cast<quest::SoftmaxState*>(shared));
  }
}
