// keep_pages: fills each page list without looking at scores: the sink pages, then the most recent visible pages
// until the budget is full (the kept set of StreamingLLM, arXiv 2309.17453); with no limit every visible page.
//
//   list (rows * Hkv, maxPages) ascending   listCount (rows * Hkv)
//
// Moves at most rows * Hkv * maxPages ints out. Grid: (Hkv, rows) blocks of 128 threads; rows from `fromRow`.
#include "paged_kv.cuh"

namespace quest {

__device__ __forceinline__ void keepPages(int* list, int* listCount, const RowPages& row, const PageBudget& budget,
                                          int maxPages, int pageSize) {
  const size_t entry = static_cast<size_t>(blockIdx.y) * gridDim.x + blockIdx.x;
  int kept = row.visible();
  int sinks = 0;
  if (!budget.readsAll(row)) {
    kept = budget.pages;
    sinks = budget.sinkEnd(row, pageSize) - row.firstPage;
    sinks = sinks < kept ? sinks : kept - 1;  // the current page is always read
  }
  int* target = list + entry * maxPages;
  for (int i = threadIdx.x; i < kept; i += blockDim.x) {
    target[i] = i < sinks ? row.firstPage + i : row.currentPage - (kept - 1 - i);
  }
  if (threadIdx.x == 0) {
    listCount[entry] = kept;
  }
}

}  // namespace quest

extern "C" __global__ void __launch_bounds__(128)
    keep_pages(int* __restrict__ list, int* __restrict__ listCount, const int* __restrict__ positions,
               const int* __restrict__ rowSpan, const int* __restrict__ spanPages,
               const int* __restrict__ pageTable, int fromRow, int maxPages, int pageSize, int window,
               int budgetPages, int sinkTokens, int recentTokens, int minContextTokens) {
  const quest::RowPages row = quest::RowPages::of(fromRow + blockIdx.y, positions, rowSpan, spanPages, pageTable,
                                                  pageSize, window);
  const quest::PageBudget budget = {budgetPages, sinkTokens, recentTokens, minContextTokens};
  quest::keepPages(list, listCount, row, budget, maxPages, pageSize);
}
