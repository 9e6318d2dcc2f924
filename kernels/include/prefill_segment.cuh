// What the forms of attend_prefill read with block lists: the rows of one segment, and the keys of one KV head that they
// read. Keys are counted by place: the listed blocks back to back, then the segment's own keys, so that a tile's blocks
// of keys are full and a list of all blocks is folded as dense attention is. Without a sliding window: a row sees all
// places up to its own.
// With `Skips` tiles of 64 rows and 64 places may be left out (engine.ops.prefill.TileSkipping says which); the first
// place is then where the first key read would stand if every key were read, and what is kept is counted.
// A segment stands in shared memory, or beside a tile's sums its registers would spill; at D = 256 in registers, since
// nothing is left of sm_86's shared memory.
#pragma once

#include "prefill_span.cuh"

namespace quest {

template <bool Skips>
struct PrefillSegment;

template <bool Skips>
struct SegmentKeys {
  const PrefillSegment<Skips>& segment;
  PagedKv kv;
  int kvHead;

  static constexpr int firstVisible = 0;

  /** Number of a key among all of its KV head's slots, or -1 where no key stands. */
  __device__ __forceinline__ int tokenAt(int place) const {
    if (Skips && place < segment.firstPlace) {
      return -1;
    }
    const int position = segment.positionAt(place);
    return (segment.table[position / kv.pageSize] * kv.kvHeads + kvHead) * kv.pageSize + position % kv.pageSize;
  }

  __device__ __forceinline__ size_t offsetOf(int place) const {
    const int token = tokenAt(place);
    return Skips && token < 0 ? kNoKey : static_cast<size_t>(static_cast<unsigned>(token)) * kv.headDim;
  }
};

/** The key blocks that a tile reads, one after the other, as KeyBlocks are. */
template <bool Skips>
struct ListedKeyBlocks {
  SegmentKeys<Skips> source;
  int end;    // place after the last that a row of the tile sees
  int place;  // of the lane's first key of the next block

  static __device__ __forceinline__ ListedKeyBlocks of(const SegmentKeys<Skips>& source, int base, int end) {
    return {source, end, base + static_cast<int>(threadIdx.x) % kWarp};
  }

  __device__ __forceinline__ KeyBlock next() {
    KeyBlock block;
#pragma unroll
    for (int i = 0; i < 2; i++) {
      const int at = place + i * kWarp;
      block.token[i] = at < end ? source.tokenAt(at) : -1;
    }
    place += kKeyBlock;
    return block;
  }
};

/** A segment's rows for one KV head: a PrefillSpan whose positions are places. */
template <bool Skips>
struct PrefillSegment {
  static constexpr bool kListed = true;
  static constexpr bool kSkips = Skips;
  using Keys = SegmentKeys<Skips>;
  using Blocks = ListedKeyBlocks<Skips>;

  static constexpr int window = 0;  // none

  int firstRow;
  int rows;
  int firstPlace;     // of the first key read
  int firstPosition;  // place of the first row's own key
  const int* table;
  const int* list;
  int block;
  int start;  // position of the first row
  int group;
  float* logSumExp;
  int lseStride;
  unsigned long long* counters;  // (R): blocks computed
  float margin;                  // of a tile's largest logits, in base 2

  /** Fills `target` for the whole block: all threads their own, or one that in shared memory. */
  template <bool Shared>
  static __device__ __forceinline__ void load(PrefillSegment& target, int segment, int kvHead, int kvHeads,
                                              const int* list, const int* listCount, const int* segmentRows,
                                              const int* segmentStarts, const int* rowSpan, const int* spanPages,
                                              const int* pageTable, int maxBlocks, int block, int group,
                                              float* logSumExp, int lseStride, unsigned long long* counters,
                                              float margin) {
    if (!Shared || threadIdx.x == 0) {
      const size_t entry = static_cast<size_t>(segment) * kvHeads + kvHead;
      const int count = listCount[entry];
      target.firstRow = segmentRows[segment];
      target.rows = segmentRows[segment + 1] - target.firstRow;
      target.start = segmentStarts[segment];
      target.list = list + entry * maxBlocks;
      target.firstPlace = Skips ? (count > 0 ? target.list[0] * block : target.start) % kKeyBlock : 0;
      target.firstPosition = target.firstPlace + count * block;
      target.table = pageTable + spanPages[rowSpan[target.firstRow]];
      target.block = block;
      target.group = group;
      target.logSumExp = logSumExp;
      target.lseStride = lseStride;
      target.counters = counters;
      target.margin = margin;
    }
    if (Shared) {
      __syncthreads();  // the segment is there before anyone reads it
    }
  }

  __device__ __forceinline__ int positionAt(int place) const {
    const int key = place - firstPlace;
    return place < firstPosition ? list[key / block] * block + key % block : start + place - firstPosition;
  }

  __device__ __forceinline__ int firstVisible(int) const { return 0; }

  __device__ __forceinline__ Keys keys(const PagedKv& kv, int kvHead, int) const { return {*this, kv, kvHead}; }

  /** Blocks of the tile at `base` that a row sees whose own key stands at `place`. */
  __device__ __forceinline__ int blocksOf(int base, int place) const {
    const int first = max(firstPlace - base, 0);
    const int last = min(place - base, kKeyBlock - 1);
    return last < first ? 0 : last / block - first / block + 1;
  }

  /** A row's log-sum-exp for one head; the group's first head counts the row's blocks, unless tiles are left out. */
  __device__ __forceinline__ void leave(size_t row, int rowOfSegment, int head, float sum) const {
    logSumExp[row * lseStride + head] = sum;
    if (!Skips && head % group == 0) {
      atomicAdd(counters + row, static_cast<unsigned long long>(group) *
                                    static_cast<unsigned>((firstPosition + rowOfSegment) / block + 1));
    }
  }

  /** Counts what a row has read for one head. */
  __device__ __forceinline__ void count(size_t row, int blocks) const {
    atomicAdd(counters + row, static_cast<unsigned long long>(blocks));
  }
};

}  // namespace quest
