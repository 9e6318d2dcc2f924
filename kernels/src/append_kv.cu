// append_kv: rotates q in place, rotates k, writes k and v to the pages of each row's sequence and refreshes the
// digests of every block touched. Rotary embedding of arXiv 2104.09864 with the pairing of Llama: channel i with
// i + D/2; rope (max_model_len, D) = [cos | sin], so that all scalings are the table's business. A row turns by the angle
// of its ropePositions, and is written and seen at its positions.
//
//   q (R, Hq * D) rotated in place   k, v (R, Hkv * D)   keys, values (page, Hkv, slot, D)
//   minMax, meanStd (page, block, Hkv, 2 * D), null if the run does not keep the pair; i8: see page_digest.cuh
//
// Moves, per row: 2 Hq D + 2 Hkv D activations, 2 Hkv D of cache, and per digest block touched its keys.
// Grid: (R, Hkv) blocks of 128 threads. The first row that falls into a page leads: its block writes all rows of
// the step that fall into that page (at most pageSize), then digests the page's blocks that have one of them; the other
// rows' blocks leave at once.
#include "page_digest.cuh"

namespace quest {

constexpr int kPairsAtOnce = 4;  // that a thread has under way: in decode a block is all latency
constexpr int kAppendThreads = 128;
constexpr int kSlotsAtOnce = 16;  // of a digest block, whose keys a thread has under way
constexpr int kFewSlots = 8;      // of a block of 8 or 4 tokens

/**
 * Two channels of a row that a thread moves: i and i + half of a head. A row's heads are the group's query heads, then
 * the key, then the value.
 */
struct HeadPair {
  int i;
  int head;
  int row;

  static __device__ __forceinline__ HeadPair of(int index, int half, int heads) {
    return {index % half, index / half % heads, index / half / heads};
  }

  /** The pair that is as far on as `step` is from the first: a division takes longer than all of this. */
  __device__ __forceinline__ HeadPair after(const HeadPair& step, int half, int heads) const {
    HeadPair next = {i + step.i, head + step.head, row + step.row};
    if (next.i >= half) {
      next.i -= half;
      next.head++;
    }
    if (next.head >= heads) {
      next.head -= heads;
      next.row++;
    }
    return next;
  }
};

/** Where the rows of one group stand: row r's queries at q + r * qStride, its slot of the cache at keys + r * headDim. */
template <typename Act, typename Kv>
struct GroupRows {
  Act* q;
  const Act* k;
  const Act* v;
  const float* rope;
  const int* ropePositions;  // of the first row
  Kv* keys;
  Kv* values;
  int rows;
  int group;
  int headDim;
  int qStride;
  int kStride;
  int vStride;
  int ropeStride;

  /** A pair's channels, turned by their angle unless they are the value's. Without branches, that all loads start first. */
  __device__ __forceinline__ void load(const HeadPair& pair, float& low, float& high) const {
    const int half = headDim / 2;
    const bool query = pair.head < group;
    const bool turned = pair.head <= group;
    const Act* row = query ? q : turned ? k : v;
    const int stride = query ? qStride : turned ? kStride : vStride;
    const Act* source = row + static_cast<size_t>(pair.row) * stride + (query ? pair.head * headDim : 0) + pair.i;
    const float* angle = rope + static_cast<size_t>(ropePositions[pair.row]) * ropeStride + pair.i;
    const float first = toFloat(source[0]);
    const float second = toFloat(source[half]);
    const float cos = angle[0];
    const float sin = angle[half];
    low = turned ? first * cos - second * sin : first;
    high = turned ? second * cos + first * sin : second;
  }

  __device__ __forceinline__ void store(const HeadPair& pair, float low, float high) const {
    const int half = headDim / 2;
    if (pair.head < group) {
      Act* target = q + static_cast<size_t>(pair.row) * qStride + pair.head * headDim + pair.i;
      target[0] = fromFloat<Act>(low);
      target[half] = fromFloat<Act>(high);
    } else {
      Kv* target = (pair.head == group ? keys : values) + static_cast<size_t>(pair.row) * headDim + pair.i;
      target[0] = fromFloat<Kv>(low);
      target[half] = fromFloat<Kv>(high);
    }
  }

  /** Rotates all queries in place and keys into the cache, and copies the values. All threads of the block call it. */
  __device__ __forceinline__ void move() const {
    const int half = headDim / 2;
    const int heads = group + 2;
    const HeadPair step = HeadPair::of(kAppendThreads, half, heads);
    HeadPair next = HeadPair::of(threadIdx.x, half, heads);
    while (next.row < rows) {
      HeadPair pair[kPairsAtOnce];
      float low[kPairsAtOnce];
      float high[kPairsAtOnce];
#pragma unroll
      for (int j = 0; j < kPairsAtOnce; j++) {
        pair[j] = next;
        next = next.after(step, half, heads);
        // Past the last row, the first pair again: a condition would wait for one pair before the next is loaded.
        load(pair[j].row < rows ? pair[j] : pair[0], low[j], high[j]);
      }
#pragma unroll
      for (int j = 0; j < kPairsAtOnce; j++) {
        if (pair[j].row < rows) {
          store(pair[j], low[j], high[j]);
        }
      }
    }
  }
};

/** The slots firstSlot..filled - 1 of a page were written: where their blocks' digests stand, and where the keys. */
template <typename Kv, typename Digest>
struct TouchedBlocks {
  const Kv* keys;   // of the page's slot 0
  size_t first;     // the digest pair of the page's block 0
  size_t stride;    // from one block's pair to the next
  int firstSlot;
  int filled;
  int digestBlockSize;
  int headDim;

  /** Digests each block anew from its keys. All threads of the grid's block call it. */
  template <int Slots>
  __device__ __forceinline__ void digest(Digest* minMax, Digest* meanStd) const {
    for (int block = firstSlot / digestBlockSize; block * digestBlockSize < filled; block++) {
      const int slot = block * digestBlockSize;
      const int present = min(digestBlockSize, filled - slot);
      const Kv* own = keys + static_cast<size_t>(slot) * headDim;
      const size_t at = first + block * stride;
      if (minMax != nullptr) {  // uniform over the grid
        writeDigest<Slots>(minMax + at, own, headDim, present, kMinMax);
      }
      if (meanStd != nullptr) {
        writeDigest<Slots>(meanStd + at, own, headDim, present, kMeanStd);
      }
    }
  }
};

template <typename Act, typename Kv, typename Digest>
__device__ __forceinline__ void appendKv(Act* q, Kv* keys, Kv* values, Digest* minMax, Digest* meanStd,
                                         const Act* k, const Act* v, const float* rope, const int* positions,
                                         const int* ropePositions, const int* rowSpan, const int* spanRows, const int* spanPages,
                                         const int* pageTable, const PagedKv& kv, int digestBlockSize, int group,
                                         int qStride, int kStride, int vStride, int ropeStride) {
  const int leader = blockIdx.x;
  const int kvHead = blockIdx.y;
  const int span = rowSpan[leader];
  const int firstSlot = positions[leader] % kv.pageSize;
  if (leader != spanRows[span] && firstSlot != 0) {
    return;  // an earlier row of the same page leads; uniform over the block
  }
  const int spanRest = spanRows[span + 1] - leader;
  const int pageRest = kv.pageSize - firstSlot;
  const int rows = spanRest < pageRest ? spanRest : pageRest;
  const int page = pageTable[spanPages[span] + positions[leader] / kv.pageSize];
  const int headDim = kv.headDim;

  const size_t at = kv.token(page, kvHead, firstSlot);
  const GroupRows<Act, Kv> moved = {
      q + static_cast<size_t>(leader) * qStride + static_cast<size_t>(kvHead) * group * headDim,
      k + static_cast<size_t>(leader) * kStride + static_cast<size_t>(kvHead) * headDim,
      v + static_cast<size_t>(leader) * vStride + static_cast<size_t>(kvHead) * headDim,
      rope,
      ropePositions + leader,
      keys + at,
      values + at,
      rows,
      group,
      headDim,
      qStride,
      kStride,
      vStride,
      ropeStride};
  moved.move();
  __syncthreads();  // the page's new keys are written before other threads digest them

  const int blocksPerPage = digestBlockSize == kv.pageSize ? 1 : kv.pageSize / digestBlockSize;
  const TouchedBlocks<Kv, Digest> touched = {keys + kv.token(page, kvHead, 0),
                                             kv.digest<Digest>(page * blocksPerPage, kvHead),
                                             kv.digest<Digest>(1, 0),
                                             firstSlot,
                                             firstSlot + rows,
                                             digestBlockSize,
                                             headDim};
  if (digestBlockSize > kFewSlots) {  // uniform over the grid
    touched.template digest<kSlotsAtOnce>(minMax, meanStd);
  } else {
    touched.template digest<kFewSlots>(minMax, meanStd);
  }
}

}  // namespace quest

// q, k and v are not __restrict__: one instruction loads whichever it is, and for k and v the compiler would make that a
// load of memory that nobody writes (ld.global.nc), which q is not.
#define APPEND_KV(act, Act, dtype, Kv, suffix, Digest)                                                        \
  extern "C" __global__ void __launch_bounds__(128, 6) append_kv_##act##_##dtype##suffix(                     \
      Act* q, Kv* __restrict__ keys, Kv* __restrict__ values, Digest* __restrict__ minMax,                    \
      Digest* __restrict__ meanStd, const Act* k, const Act* v,                                               \
      const float* __restrict__ rope, const int* __restrict__ positions,                                      \
      const int* __restrict__ ropePositions, const int* __restrict__ rowSpan,                                 \
      const int* __restrict__ spanRows, const int* __restrict__ spanPages, const int* __restrict__ pageTable, \
      int kvHeads, int headDim, int pageSize, int digestBlockSize, int group, int qStride, int kStride,       \
      int vStride, int ropeStride) {                                                                          \
    quest::appendKv(q, keys, values, minMax, meanStd, k, v, rope, positions, ropePositions, rowSpan,          \
                    spanRows, spanPages, pageTable, quest::PagedKv{kvHeads, headDim, pageSize},               \
                    digestBlockSize, group, qStride, kStride, vStride, ropeStride);                           \
  }

APPEND_KV(f32, float, f32, float, , float)
APPEND_KV(f32, float, bf16, bf16, , bf16)
APPEND_KV(f32, float, f16, f16, , f16)
APPEND_KV(bf16, bf16, bf16, bf16, , bf16)
APPEND_KV(bf16, bf16, f16, f16, , f16)
APPEND_KV(f32, float, f32, float, _i8, i8)
APPEND_KV(f32, float, bf16, bf16, _i8, i8)
APPEND_KV(f32, float, f16, f16, _i8, i8)
APPEND_KV(bf16, bf16, bf16, bf16, _i8, i8)
APPEND_KV(bf16, bf16, f16, f16, _i8, i8)
