// top_prefix: the best units of each prefix within the budget, as top_pages chooses those of live pages: the units of the
// sink and of what the recent tokens reach of the prefix are kept whatever their score, and the best of the rest.
//
//   list (rows * Hkv, maxEntries) ascending   listCount (rows * Hkv)   scores (rows * Hkv, scoreStride), one per tile
//   tables, rowTables: prefix_pages.cuh
//
// A unit's score is the best of its tiles; tiles past the end, up to a whole unit, are set to -inf. Moves 4 bytes per tile in (top_units.cuh) and 4 per chosen unit out.
// Grid: (Hkv, rows) blocks of any multiple of 32 threads up to 1024; the result does not depend on it.
// Dynamic shared memory: 4 * cachedUnits bytes.
#include "prefix_pages.cuh"
#include "shared_memory.cuh"
#include "top_units.cuh"

namespace quest {

__device__ __forceinline__ void topPrefix(int* target, float* scores, const PrefixRead& read, int tilesOfAll, int parts,
                                          int cachedUnits) {
  QUEST_DYNAMIC_SHARED(shared);
  placeRun(target, 0, read.sink);
  placeRun(target + read.sink + read.best, read.units - read.recent, read.recent);
  const int candidates = read.units - read.recent - read.sink;
  if (read.best == candidates) {
    placeRun(target + read.sink, read.sink, candidates);
    return;  // uniform over the block
  }
  if (read.best == 0) {
    return;  // uniform over the block
  }
  for (int tile = tilesOfAll + threadIdx.x; tile < read.units * parts; tile += blockDim.x) {
    scores[tile] = negativeInfinity();  // of the last unit, which the prefix may not fill
  }
  __syncthreads();  // the last unit's scores are written before they are read
  const int firstPart = read.sink * parts;
  const UnitKeys<true> keys = {scores + firstPart,
                               reinterpret_cast<unsigned*>(shared),
                               cachedUnits,
                               candidates,
                               parts,
                               0};
  placeChosen(target + read.sink, keys, kthLargest(keys, read.best), read.sink);
}

}  // namespace quest

extern "C" __global__ void __launch_bounds__(1024, 1)
    top_prefix(int* __restrict__ list, int* __restrict__ listCount, float* __restrict__ scores,
               const int* __restrict__ tables, const int* __restrict__ rowTables, const int* __restrict__ positions,
               int fromRow, int firstList, int lists, int maxEntries, int scoreStride, int unit, int tile,
               int cachedUnits, int budgetUnits, int sinkTokens, int recentTokens, int minContextTokens) {
  const int row = fromRow + blockIdx.y;
  const quest::PrefixList prefix =
      quest::PrefixList::of(tables, rowTables, row, lists, firstList + static_cast<int>(blockIdx.x));
  const quest::PrefixRead read = quest::PrefixRead::of(prefix, positions[row], unit, budgetUnits, sinkTokens,
                                                       recentTokens, minContextTokens);
  const size_t entry = static_cast<size_t>(blockIdx.y) * gridDim.x + blockIdx.x;
  if (threadIdx.x == 0) {
    listCount[entry] = read.read();
  }
  quest::topPrefix(list + entry * maxEntries, scores + entry * scoreStride, read, quest::ceilDiv(prefix.slots, tile),
                   unit / tile, cachedUnits);
}
