// keep_prefix: fills each list without looking at scores: the sink units of the prefix, then its last units within the budget.
//
//   list (rows * Hkv, maxEntries) ascending   listCount (rows * Hkv)   tables, rowTables: prefix_pages.cuh
//
// Moves at most rows * Hkv * maxEntries ints out. Grid: (Hkv, rows) blocks of 128 threads; rows from `fromRow`.
#include "prefix_pages.cuh"

extern "C" __global__ void __launch_bounds__(128)
    keep_prefix(int* __restrict__ list, int* __restrict__ listCount, const int* __restrict__ tables,
                const int* __restrict__ rowTables, const int* __restrict__ positions, int fromRow, int firstList,
                int lists, int maxEntries, int unit, int budgetUnits, int sinkTokens, int recentTokens,
                int minContextTokens) {
  const int row = fromRow + blockIdx.y;
  const quest::PrefixList prefix =
      quest::PrefixList::of(tables, rowTables, row, lists, firstList + static_cast<int>(blockIdx.x));
  const quest::PrefixRead read = quest::PrefixRead::of(prefix, positions[row], unit, budgetUnits, sinkTokens,
                                                       recentTokens, minContextTokens);
  const size_t entry = static_cast<size_t>(blockIdx.y) * gridDim.x + blockIdx.x;
  const int last = read.best + read.recent;
  int* target = list + entry * maxEntries;
  for (int i = threadIdx.x; i < read.read(); i += blockDim.x) {
    target[i] = i < read.sink ? i : read.units - last + (i - read.sink);
  }
  if (threadIdx.x == 0) {
    listCount[entry] = read.read();
  }
}
