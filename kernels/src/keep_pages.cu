// keep_pages: fills each list without looking at scores: the sink units, then the most recent visible units until the
// budget is full (the kept set of StreamingLLM, arXiv 2309.17453); with no limit every visible unit. A unit is a page,
// or a part of one.
//
//   list (rows * Hkv, maxEntries) ascending   listCount (rows * Hkv)
//
// Moves at most rows * Hkv * maxEntries ints out. Grid: (Hkv, rows) blocks of 128 threads; rows from `fromRow`.
#include "paged_kv.cuh"

namespace quest {

__device__ __forceinline__ void keepPages(int* list, int* listCount, const RowPages& row, const PageBudget& budget,
                                          int maxEntries) {
  const size_t entry = static_cast<size_t>(blockIdx.y) * gridDim.x + blockIdx.x;
  int kept = row.visible();
  int sinks = 0;
  if (!budget.readsAll(row)) {
    kept = budget.units;
    sinks = budget.sinkEnd(row) - row.firstUnit;
    sinks = sinks < kept ? sinks : kept - 1;  // the current unit is always read
  }
  int* target = list + entry * maxEntries;
  for (int i = threadIdx.x; i < kept; i += blockDim.x) {
    target[i] = i < sinks ? row.firstUnit + i : row.currentUnit - (kept - 1 - i);
  }
  if (threadIdx.x == 0) {
    listCount[entry] = kept;
  }
}

}  // namespace quest

extern "C" __global__ void __launch_bounds__(128)
    keep_pages(int* __restrict__ list, int* __restrict__ listCount, const int* __restrict__ positions,
               const int* __restrict__ rowSpan, const int* __restrict__ spanPages,
               const int* __restrict__ pageTable, int fromRow, int maxEntries, int unit, int window,
               int budgetUnits, int sinkTokens, int recentTokens, int minContextTokens) {
  const quest::RowPages row = quest::RowPages::of(fromRow + blockIdx.y, positions, rowSpan, spanPages, pageTable,
                                                  unit, window);
  const quest::PageBudget budget = {budgetUnits, sinkTokens, recentTokens, minContextTokens};
  quest::keepPages(list, listCount, row, budget, maxEntries);
}
