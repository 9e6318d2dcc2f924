// The pages of a prefix store: the only place that knows how they lie. A page is kPrefixSlots tokens of one (layer, KV
// head), wherever in the document they stood. The Java twin is engine.ops.prefix.PrefixGeometry.
//
//   whole      keys (tile, headDim, slot in tile), values (slot, headDim), of the cache's dtype
//   integers   keys' integers (tile, headDim, slot in tile), (headDim) scale and zero, values' integers (slot, headDim),
//              (slot, headDim / 32) scale and zero; an element is zero + integer * scale (KIVI, arXiv 2402.02750). Integers
//              fill a byte from its low bits on; a scale and its zero are two bf16, low byte first.
//
// A document's table: [first place of each list in `pages`, and the end][slots of each list][pages], list l = layer *
// kvHeads + kvHead. Of all documents of a step the tables stand one behind the other; `rowTables` says where a row's begins.
#pragma once

#include "vec.cuh"

namespace quest {

constexpr int kPrefixSlots = 32;
constexpr int kPrefixGroup = 32;       // channels of a value that share a scale
constexpr int kPrefixScaleBytes = 4;   // a scale and its zero

/** Shape of a page; 0 bits where elements are stored whole. */
struct PrefixShape {
  int headDim;
  int tile;
  int keyBits;
  int valueBits;

  __device__ __forceinline__ int tiles() const { return kPrefixSlots / tile; }

  /** Place of a key's channel among the page's keys. */
  __device__ __forceinline__ int keyAt(int slot, int channel) const {
    return (slot / tile * headDim + channel) * tile + slot % tile;
  }

  __device__ __forceinline__ int keyScales() const { return kPrefixSlots * headDim * keyBits / 8; }
  __device__ __forceinline__ int values() const { return keyScales() + headDim * kPrefixScaleBytes; }
  __device__ __forceinline__ int valueScales() const { return values() + kPrefixSlots * headDim * valueBits / 8; }

  /** Bytes of a page of integers. */
  __device__ __forceinline__ int bytes() const {
    return valueScales() + kPrefixSlots * (headDim / kPrefixGroup) * kPrefixScaleBytes;
  }
};

/** Scale and zero of a group of integers. */
struct PrefixScale {
  float scale;
  float zero;

  static __device__ __forceinline__ PrefixScale at(const unsigned char* bytes) {
    return {toFloat(bf16{static_cast<unsigned short>(bytes[0] | bytes[1] << 8)}),
            toFloat(bf16{static_cast<unsigned short>(bytes[2] | bytes[3] << 8)})};
  }

  /** zero + integer * scale, rounded once. */
  __device__ __forceinline__ float widen(unsigned integer) const {
    return fmaf(static_cast<float>(integer), scale, zero);
  }
};

/** Integer `index` of a run that begins at `bytes`. */
__device__ __forceinline__ unsigned packedInteger(const unsigned char* bytes, int index, int bits) {
  const int perByte = 8 / bits;
  return bytes[index / perByte] >> (index % perByte * bits) & ((1u << bits) - 1u);
}

/** Pages whose elements are stored whole. */
template <typename Kv>
struct WholePrefix {
  const Kv* pages;
  PrefixShape shape;

  __device__ __forceinline__ const Kv* page(int id) const {
    return pages + static_cast<size_t>(id) * 2 * kPrefixSlots * shape.headDim;
  }

  __device__ __forceinline__ float key(int id, int slot, int channel) const {
    return toFloat(page(id)[shape.keyAt(slot, channel)]);
  }

  __device__ __forceinline__ float value(int id, int slot, int channel) const {
    return toFloat(page(id)[(kPrefixSlots + slot) * shape.headDim + channel]);
  }
};

/** Pages of integers, of KeyBits and ValueBits each. */
template <int KeyBits, int ValueBits>
struct PackedPrefix {
  const unsigned char* pages;
  PrefixShape shape;

  __device__ __forceinline__ const unsigned char* page(int id) const {
    return pages + static_cast<size_t>(id) * shape.bytes();
  }

  __device__ __forceinline__ float key(int id, int slot, int channel) const {
    const unsigned char* bytes = page(id);
    return PrefixScale::at(bytes + shape.keyScales() + channel * kPrefixScaleBytes)
        .widen(packedInteger(bytes, shape.keyAt(slot, channel), KeyBits));
  }

  __device__ __forceinline__ float value(int id, int slot, int channel) const {
    const unsigned char* bytes = page(id);
    const int at = slot * shape.headDim + channel;
    return PrefixScale::at(bytes + shape.valueScales() + at / kPrefixGroup * kPrefixScaleBytes)
        .widen(packedInteger(bytes + shape.values(), at, ValueBits));
  }
};

/** What one (row, layer, KV head) has in the store. */
struct PrefixList {
  const int* pages;
  int slots;
  int documentTokens;  // that the whole prefix stands for

  /** List `list` of the `lists` of row `row`'s document. */
  static __device__ __forceinline__ PrefixList of(const int* tables, const int* rowTables, int row, int lists, int list) {
    const int* table = tables + rowTables[row];
    return {table + 2 * lists + 2 + table[1 + list], table[lists + 2 + list], table[0]};
  }

  __device__ __forceinline__ int page(int slot) const { return pages[slot / kPrefixSlots]; }
};

/**
 * What a (row, KV head) reads of its prefix under a budget: of its units the first `sink`, the last `recent`, and the best
 * `best` between them. The Java twin is engine.ops.prefix.PrefixBudget.
 */
struct PrefixRead {
  int units;
  int sink;
  int best;
  int recent;

  /** `position` is the row's behind its prefix. */
  static __device__ __forceinline__ PrefixRead of(const PrefixList& list, int position, int unit, int budgetUnits,
                                                  int sinkTokens, int recentTokens, int minContextTokens) {
    const int units = ceilDiv(list.slots, unit);
    const int suffix = position + 1;
    const int after = ceilDiv(suffix, unit);
    if (units + after <= budgetUnits || list.documentTokens + suffix < minContextTokens) {
      return {units, units, 0, 0};
    }
    const int room = budgetUnits - after > 1 ? budgetUnits - after : 1;
    const int left = units < room ? units : room;
    const int sinks = ceilDiv(sinkTokens, unit);
    const int sink = sinks < left ? sinks : left;
    const int reach = recentTokens > suffix ? recentTokens - suffix : 0;  // back from the prefix's end
    const int first = (list.slots > reach ? list.slots - reach : 0) / unit;
    const int recents = units - first < left - sink ? units - first : left - sink;
    const int recent = reach == 0 ? 0 : recents;
    return {units, sink, left - sink - recent, recent};
  }

  __device__ __forceinline__ int read() const { return sink + best + recent; }
  __device__ __forceinline__ bool readsAll() const { return read() == units; }
};

}  // namespace quest
