// top_pages: the exact best units by score within the budget, ties to the lowest unit, in ascending order. A unit is a
// page, a digest block or a token; one of several scores has the best of them.
//
//   list (rows * Hkv, maxEntries)   listCount (rows * Hkv)   scores (rows * Hkv, scoreStride), one per scoredTokens
//
// The sink units and the recent units (the current one last) are kept whatever their score, so the candidates are one
// run of units between them, of which top_units.cuh finds the best.
// Moves 4 bytes per candidate's score from memory (later passes hit shared memory for the first `cachedUnits`
// candidates and L2 for the rest: 64K scores, a million tokens in pages of 16, are 256 KB) and 4 bytes per chosen unit
// out. A unit's best score is found by the pass that reads the scores first: it costs no other pass and no memory.
// Grid: (Hkv, rows) blocks of any multiple of 32 threads up to 1024; the result does not depend on it.
// Dynamic shared memory: 4 * cachedUnits bytes.
//   no suffix  one score per unit: scoredTokens = unit      _of_parts  several
#include "paged_kv.cuh"
#include "shared_memory.cuh"
#include "top_units.cuh"

namespace quest {

template <bool Parts>
__device__ __forceinline__ void topPages(int* list, int* listCount, const float* scores, const RowPages& row,
                                         const PageBudget& budget, int firstScored, int partsPerUnit,
                                         int maxEntries, int scoreStride, int cachedUnits) {
  QUEST_DYNAMIC_SHARED(shared);
  const size_t entry = static_cast<size_t>(blockIdx.y) * gridDim.x + blockIdx.x;
  int* target = list + entry * maxEntries;
  const bool all = budget.readsAll(row);
  const int kept = all ? row.visible() : budget.units;
  if (threadIdx.x == 0) {
    listCount[entry] = kept;
  }
  if (all) {
    placeRun(target, row.firstUnit, kept);
    return;  // uniform over the block
  }
  const int recentStart = budget.recentStart(row);
  int sinks = budget.sinkEnd(row) - row.firstUnit;
  sinks = sinks < kept ? sinks : kept - 1;  // the current unit is always read
  int recents = row.currentUnit + 1 - recentStart;
  recents = recents < kept - sinks ? recents : kept - sinks;
  const int chosen = kept - sinks - recents;
  placeRun(target, row.firstUnit, sinks);
  placeRun(target + sinks + chosen, row.currentUnit + 1 - recents, recents);
  if (chosen == 0) {
    return;  // uniform over the block
  }
  const int firstCandidate = row.firstUnit + sinks;
  const int candidates = recentStart - firstCandidate;
  const int firstPart = firstCandidate * partsPerUnit;
  const UnitKeys<Parts> keys = {scores + entry * scoreStride + firstPart,
                         reinterpret_cast<unsigned*>(shared),
                         cachedUnits,
                         candidates,
                         partsPerUnit,
                         firstScored - firstPart};
  placeChosen(target + sinks, keys, kthLargest(keys, chosen), firstCandidate);
}

}  // namespace quest

#define TOP_PAGES(suffix, Parts)                                                                              \
  extern "C" __global__ void __launch_bounds__(1024) top_pages##suffix(                                       \
      int* __restrict__ list, int* __restrict__ listCount, const float* __restrict__ scores,                  \
      const int* __restrict__ positions, const int* __restrict__ rowSpan, const int* __restrict__ spanPages,  \
      const int* __restrict__ pageTable, int fromRow, int maxEntries, int scoreStride, int unit,              \
      int scoredTokens, int window, int cachedUnits, int budgetUnits, int sinkTokens, int recentTokens,       \
      int minContextTokens) {                                                                                 \
    const quest::RowPages row = quest::RowPages::of(fromRow + blockIdx.y, positions, rowSpan, spanPages,      \
                                                    pageTable, unit, window);                                 \
    const quest::PageBudget budget = {budgetUnits, sinkTokens, recentTokens, minContextTokens};               \
    quest::topPages<Parts>(list, listCount, scores, row, budget, Parts ? row.firstVisible / scoredTokens : 0, \
                           Parts ? unit / scoredTokens : 1, maxEntries, scoreStride, cachedUnits);            \
  }

TOP_PAGES(, false)
TOP_PAGES(_of_parts, true)
