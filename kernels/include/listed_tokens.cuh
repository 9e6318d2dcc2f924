// A row's list for one KV head, read as one run of tokens. Entries are units: whole pages, parts of one, single tokens.
//
// Parts of pages are placed as if the run began where the first one's page begins and ended where a page could end, with
// tokens there that the row does not see. So a run of all visible tokens is cut alike whatever the unit: tiles, splits
// and sums are those of whole pages, bit for bit, also where a sliding window cuts the first page.
#pragma once

#include "paged_kv.cuh"

namespace quest {

constexpr int kHeadsPerBlock = 16;  // rows of a tensor-core tile; larger groups take several blocks

/** A token's position in its sequence, and where its key and value stand. */
struct TokenPlace {
  int position;
  size_t offset;
};

/** One (row, KV head)'s list as one run of tokens: token `lead` + i is token i % unit of the list's entry i / unit. */
struct ListedTokens {
  const int* list;
  int units;
  int lead;  // tokens of the first entry's page before that entry; none if units are pages
  RowPages row;
  PagedKv kv;
  int kvHead;

  static __device__ __forceinline__ ListedTokens of(const int* list, int units, const RowPages& row, const PagedKv& kv,
                                                    int kvHead) {
    const bool parts = row.unit != kv.pageSize && units > 0;  // uniform over the block
    return {list, units, parts ? list[0] * row.unit % kv.pageSize : 0, row, kv, kvHead};
  }

  __device__ __forceinline__ int tokens() const {
    const int listed = units * row.unit;
    return row.unit == kv.pageSize ? listed : ceilDiv(lead + listed, kv.pageSize) * kv.pageSize;
  }

  /** Where token j of the run stands; position -1 if it is none of the list's. */
  __device__ __forceinline__ TokenPlace placeOf(int j) const {
    const int listed = j - lead;
    if (listed < 0 || listed >= units * row.unit) {
      return {-1, 0};
    }
    const int entry = listed / row.unit;
    const int inUnit = listed - entry * row.unit;
    const int unit = list[entry];
    const int position = unit * row.unit + inUnit;
    if (row.unit == kv.pageSize) {  // uniform over the grid; spares a division
      return {position, kv.token(row.table[unit], kvHead, inUnit)};
    }
    const int page = position / kv.pageSize;
    return {position, kv.token(row.table[page], kvHead, position - page * kv.pageSize)};
  }

  /** Where token j's key and value stand, or kNoKey if the row does not see it. */
  __device__ __forceinline__ size_t offsetOf(int j) const {
    const TokenPlace place = placeOf(j);
    return place.position >= row.firstVisible && place.position <= row.position ? place.offset : kNoKey;
  }

  /** Bit i: the row sees position `first` + i, for `count` positions, at most 32. */
  __device__ __forceinline__ unsigned visibleOf(int first, int count) const {
    const int from = max(row.firstVisible - first, 0);
    const int to = min(row.position + 1 - first, count);
    return from < to ? ~0u >> (kWarp - (to - from)) << from : 0u;
  }

  /** Visible tokens: only the first visible unit and the current unit, the ends of the list, can be cut. */
  __device__ __forceinline__ int visibleTokens() const {
    int visible = units * row.unit;
    if (units == 0) {
      return 0;
    }
    if (list[units - 1] == row.currentUnit) {
      visible -= row.unit - 1 - row.position % row.unit;
    }
    if (list[0] == row.firstUnit) {
      visible -= row.firstVisible % row.unit;
    }
    return visible;
  }
};

}  // namespace quest
