// A row's page list for one KV head, read as one run of tokens.
#pragma once

#include "paged_kv.cuh"

namespace quest {

constexpr int kHeadsPerBlock = 16;  // rows of a tensor-core tile; larger groups take several blocks

/** One (row, KV head)'s list as one run of tokens: token j is slot j % pageSize of the list's page j / pageSize. */
struct ListedTokens {
  const int* list;
  int pages;
  RowPages row;
  PagedKv kv;
  int kvHead;

  __device__ __forceinline__ int tokens() const { return pages * kv.pageSize; }

  /** Where token j's key and value stand, or kNoKey if the row does not see it. */
  __device__ __forceinline__ size_t offsetOf(int j) const {
    const int page = list[j / kv.pageSize];
    const int slot = j % kv.pageSize;
    const int position = page * kv.pageSize + slot;
    const bool visible = position >= row.firstVisible && position <= row.position;
    return visible ? kv.token(row.table[page], kvHead, slot) : kNoKey;
  }

  /** Bit i: the row sees position `first` + i, for `count` positions, at most 32. */
  __device__ __forceinline__ unsigned visibleOf(int first, int count) const {
    const int from = max(row.firstVisible - first, 0);
    const int to = min(row.position + 1 - first, count);
    return from < to ? ~0u >> (kWarp - (to - from)) << from : 0u;
  }

  /** Visible tokens: only the first visible page and the current page, the ends of the list, can be cut. */
  __device__ __forceinline__ int visibleTokens() const {
    int visible = tokens();
    if (pages == 0) {
      return 0;
    }
    if (list[pages - 1] == row.currentPage) {
      visible -= kv.pageSize - 1 - row.position % kv.pageSize;
    }
    if (list[0] == row.firstPage) {
      visible -= row.firstVisible % kv.pageSize;
    }
    return visible;
  }
};

}  // namespace quest
