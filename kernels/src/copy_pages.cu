// copy_pages: copies whole pages inside one layer: page from[i] to page to[i], keys, values and digests
// (a digest pair that the run does not keep is a null pointer).
// Moves 2 * pageBytes + 2 * digestBytes per page and digest pair, digestBytes being those of all blocks of a page; both
// are multiples of 16 (head_dim is one of 8).
// Grid: one block of 256 threads per pair of pages. Targets are distinct and no source is a target.
#include "vec.cuh"

namespace quest {

__device__ __forceinline__ void copyPage(unsigned char* pages, int from, int to, long long bytes) {
  if (pages == nullptr) {
    return;
  }
  const unsigned char* source = pages + from * bytes;
  unsigned char* target = pages + to * bytes;
  for (long long at = threadIdx.x * 16LL; at < bytes; at += blockDim.x * 16LL) {
    storePack(target + at, loadPack(source + at));
  }
}

}  // namespace quest

extern "C" __global__ void __launch_bounds__(256)
    copy_pages(unsigned char* keys, unsigned char* values, unsigned char* minMax, unsigned char* meanStd,
               const int* __restrict__ from, const int* __restrict__ to, long long pageBytes,
               long long digestBytes) {
  const int source = from[blockIdx.x];
  const int target = to[blockIdx.x];
  quest::copyPage(keys, source, target, pageBytes);
  quest::copyPage(values, source, target, pageBytes);
  quest::copyPage(minMax, source, target, digestBytes);
  quest::copyPage(meanStd, source, target, digestBytes);
}
