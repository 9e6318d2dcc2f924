// The paged KV cache of one layer: the only place that turns (page, KV head, slot, channel) into an address.
//
//   keys, values   (page, kvHead, slot, headDim)   one KV head's share of a page is contiguous
//   digests        (page, kvHead, 2 * headDim)     [min | max] or [mean | std]
//   i8 digests     (page, kvHead, digestStride)    [min | max | exponents | unused], 1 byte each: element e of the
//                                                  2 * headDim times 2^(exponent[e / 16] - 127); see page_digest.cuh
//
// Offsets are 64-bit: a long-document cache passes 2^31 bytes at once. The Java twin is engine.ops.KvGeometry.
#pragma once

#include "vec.cuh"

namespace quest {

constexpr size_t kNoKey = ~static_cast<size_t>(0);  // in place of a token offset: the row does not see it
constexpr int kScaleChannels = 16;  // of an i8 digest, with one exponent; divides headDim

/** Elements from one digest pair to the next; i8 pairs fill whole 16 bytes, so that all are loaded 16 at a time. */
template <typename Digest>
__device__ __forceinline__ int digestStride(int headDim) {
  return 2 * headDim;
}

template <>
__device__ __forceinline__ int digestStride<i8>(int headDim) {
  return ceilDiv(2 * headDim + 2 * headDim / kScaleChannels, 16) * 16;
}

struct PagedKv {
  int kvHeads;
  int headDim;
  int pageSize;

  /** First channel of the key (or value) in `slot` of `page`. */
  __device__ __forceinline__ size_t token(int page, int kvHead, int slot) const {
    return ((static_cast<size_t>(page) * kvHeads + kvHead) * pageSize + slot) * headDim;
  }

  /** First channel of the first vector of a page's digest pair; the second follows after headDim channels. */
  template <typename Digest>
  __device__ __forceinline__ size_t digest(int page, int kvHead) const {
    return (static_cast<size_t>(page) * kvHeads + kvHead) * digestStride<Digest>(headDim);
  }
};

/** The pages of one row's sequence, and which of them the row sees. */
struct RowPages {
  const int* table;  // page id of logical page i
  int position;      // the row's own position; it sees positions firstVisible..position
  int firstVisible;
  int firstPage;    // page of firstVisible
  int currentPage;  // page of position

  /** Row `row` of the batch; window 0 means no sliding window. */
  static __device__ __forceinline__ RowPages of(int row, const int* positions, const int* rowSpan,
                                                const int* spanPages, const int* pageTable, int pageSize,
                                                int window) {
    RowPages pages;
    pages.table = pageTable + spanPages[rowSpan[row]];
    pages.position = positions[row];
    pages.firstVisible = window == 0 || pages.position < window ? 0 : pages.position - window + 1;
    pages.firstPage = pages.firstVisible / pageSize;
    pages.currentPage = pages.position / pageSize;
    return pages;
  }

  /** Pages that hold a visible position, the current one included. */
  __device__ __forceinline__ int visible() const { return currentPage - firstPage + 1; }
};

/** How many pages a row may read, and which always: the rules of engine.ops.PageBudget. */
struct PageBudget {
  int pages;
  int sinkTokens;
  int recentTokens;
  int minContextTokens;

  __device__ __forceinline__ bool readsAll(const RowPages& row) const {
    return row.visible() <= pages || row.position + 1 < minContextTokens;
  }

  /** Page after the last one that holds a sink token; not below the first visible page. */
  __device__ __forceinline__ int sinkEnd(const RowPages& row, int pageSize) const {
    int end = ceilDiv(sinkTokens, pageSize);
    return end < row.firstPage ? row.firstPage : end;
  }

  /** First page that holds one of the last recentTokens tokens; the current page if there are none. */
  __device__ __forceinline__ int recentStart(const RowPages& row, int pageSize) const {
    if (recentTokens == 0) {
      return row.currentPage;
    }
    int oldest = row.position - recentTokens + 1;
    int page = oldest <= 0 ? 0 : oldest / pageSize;
    return page < row.firstPage ? row.firstPage : page;
  }
};

}  // namespace quest
