// attend_prefix: attention of each row over the listed units of its document's prefix, all of whose slots it sees, added to
// the attention over what follows the prefix by their log-sum-exp: out and logSumExp hold that before, and the whole after.
// A unit is some consecutive slots of a page of the store, or all of them; without a list it is the whole prefix.
//
//   out (R, Hq * D)   logSumExp (R, Hq)   counters (R, 3): [-, units attended, tokens attended]   prefixCounters (R)
//   q (R, Hq * D)   pages, tables, rowTables: prefix_pages.cuh   list (rows * Hkv, maxEntries) ascending, or null
//   workspace per (row, KV head, tile of heads): partOut (64, min(G, 8), D), partState (64, min(G, 8), 2), ticket (1)
//
// A block brings 64 slots at a time (32 at D = 256) into shared memory as floats, in the order in which they lie, for up to
// 8 query heads: so elements are read and widened once per KV head. Products are in float, without tensor cores.
// Splits are those of attend_pages, counted in slots of the list: the same slots give the same bits in units of any size.
// Grid: (splits, Hkv * ceil(G / 8), rows) blocks of 128 threads, splits >= min(64, ceil(slots of the longest list / 256)).
// Dynamic shared memory: 4 * (2 S D + D + S + H (2 D + 67)) bytes, S slots at a time, H = min(G, 8) heads.
#include "prefix_pages.cuh"
#include "shared_memory.cuh"
#include "split_merge.cuh"

namespace quest {

constexpr int kPrefixHeads = 8;

/** A row's list for one KV head as one run of slots. */
struct ListedSlots {
  PrefixList prefix;
  const int* entries;  // null: all units
  int units;
  int unit;

  __device__ __forceinline__ int entry(int i) const { return entries == nullptr ? i : entries[i]; }

  /** Only the prefix's last unit, the last of a list, may be partly filled. */
  __device__ __forceinline__ int tokens() const {
    if (units == 0) {
      return 0;
    }
    const int rest = prefix.slots - entry(units - 1) * unit;
    return (units - 1) * unit + (rest < unit ? rest : unit);
  }

  /** Slot of the prefix that is slot j of the run. */
  __device__ __forceinline__ int slot(int j) const {
    const int i = j / unit;
    return entry(i) * unit + (j - i * unit);
  }
};

/** The block's shared memory; `weights` also holds those of the merge. */
struct PrefixShared {
  float* keys;          // (D, slots + 1)
  float* values;        // (slots, D)
  float* q;             // (heads, D), times scale * log2(e)
  float* out;           // (heads, D), relative to the state
  float* weights;       // (heads, kMaxSplits)
  SoftmaxState* state;  // (heads)
  float* factors;       // (heads)
  int* places;          // (slots) page * kPrefixSlots + slot in it

  static __device__ __forceinline__ PrefixShared over(unsigned char* shared, int slots, int heads, int headDim) {
    PrefixShared layout;
    layout.keys = reinterpret_cast<float*>(shared);
    layout.values = layout.keys + headDim * (slots + 1);
    layout.q = layout.values + slots * headDim;
    layout.out = layout.q + heads * headDim;
    layout.weights = layout.out + heads * headDim;
    layout.state = reinterpret_cast<SoftmaxState*>(layout.weights + heads * kMaxSplits);
    layout.factors = reinterpret_cast<float*>(layout.state + heads);
    layout.places = reinterpret_cast<int*>(layout.factors + heads);
    return layout;
  }
};

/** Brings `count` slots, of which `places` says where they are; keys of none are 0, and so are values. */
template <typename Pages>
__device__ __forceinline__ void bringSlots(const PrefixShared& shared, const Pages& pages, int slots, int count) {
  const PrefixShape& shape = pages.shape;
  const int tileElements = shape.headDim * shape.tile;
  for (int i = threadIdx.x; i < slots * shape.headDim; i += blockDim.x) {
    const int j = i / tileElements * shape.tile + i % shape.tile;  // in the order of memory
    const int channel = i % tileElements / shape.tile;
    const int place = shared.places[j];
    shared.keys[channel * (slots + 1) + j] =
        j < count ? pages.key(place / kPrefixSlots, place % kPrefixSlots, channel) : 0.0f;
  }
  for (int i = threadIdx.x; i < slots * shape.headDim; i += blockDim.x) {
    const int j = i / shape.headDim;
    const int place = shared.places[j];
    shared.values[i] =
        j < count ? pages.value(place / kPrefixSlots, place % kPrefixSlots, i % shape.headDim) : 0.0f;
  }
}

/** Scores of all heads against `slots` keys, of which `count` are there; -inf for the others. */
__device__ __forceinline__ void prefixScores(const PrefixShared& shared, int slots, int count, int heads, int headDim,
                                             float cap) {
  for (int i = threadIdx.x; i < heads * slots; i += blockDim.x) {
    const int head = i / slots;
    const int j = i - head * slots;
    const float* q = shared.q + head * headDim;
    float score = 0.0f;
#pragma unroll 8
    for (int c = 0; c < headDim; c++) {
      score += q[c] * shared.keys[c * (slots + 1) + j];
    }
    if (cap != 0.0f) {  // uniform over the grid
      score = cap * tanhf(score / cap);
    }
    shared.weights[head * kMaxSplits + j] = j < count ? score : negativeInfinity();
  }
}

/** Turns scores into exponentials and brings each head's state up to date; one warp per head. */
__device__ __forceinline__ void prefixSoftmax(const PrefixShared& shared, int slots, int heads) {
  const int lane = threadIdx.x % kWarp;
  for (int head = threadIdx.x / kWarp; head < heads; head += blockDim.x / kWarp) {
    float* weights = shared.weights + head * kMaxSplits;
    float maximum = negativeInfinity();
    for (int j = lane; j < slots; j += kWarp) {
      maximum = Max::combine(maximum, weights[j]);
    }
    SoftmaxState state = shared.state[head];
    const float factor = state.raise(reduceLanes<Max>(maximum));
    float sum = 0.0f;
    for (int j = lane; j < slots; j += kWarp) {
      weights[j] = state.weight(weights[j]);
      sum += weights[j];
    }
    state.sum += reduceLanes<Sum>(sum);
    __syncwarp();  // every lane has read the old state before lane 0 replaces it
    if (lane == 0) {
      shared.state[head] = state;
      shared.factors[head] = factor;
    }
  }
}

__device__ __forceinline__ void prefixOutput(const PrefixShared& shared, int slots, int heads, int headDim) {
  for (int i = threadIdx.x; i < heads * headDim; i += blockDim.x) {
    const int head = i / headDim;
    const float* weights = shared.weights + head * kMaxSplits;
    const float* values = shared.values + (i - head * headDim);
    float sum = shared.out[i] * shared.factors[head];
#pragma unroll 8
    for (int j = 0; j < slots; j++) {
      sum += weights[j] * values[j * headDim];
    }
    shared.out[i] = sum;
  }
}

/** Slots [from, to) of the run. Leaves output and state in shared memory, behind a barrier. */
template <typename Act, typename Pages>
__device__ __forceinline__ void prefixAttention(const PrefixShared& shared, const Act* q, const Pages& pages,
                                                const ListedSlots& listed, int from, int to, int slots, int heads,
                                                float scale, float cap) {
  const int headDim = pages.shape.headDim;
  for (int i = threadIdx.x; i < heads * headDim; i += blockDim.x) {
    shared.q[i] = toFloat(q[i]) * (scale * kLog2E);
    shared.out[i] = 0.0f;
  }
  for (int head = threadIdx.x; head < heads; head += blockDim.x) {
    shared.state[head] = SoftmaxState::empty();
  }
  for (int base = from; base < to; base += slots) {
    const int count = to - base < slots ? to - base : slots;
    for (int j = threadIdx.x; j < slots; j += blockDim.x) {
      const int slot = j < count ? listed.slot(base + j) : 0;
      shared.places[j] = j < count ? listed.prefix.page(slot) * kPrefixSlots + slot % kPrefixSlots : 0;
    }
    __syncthreads();  // the places are known before the slots are brought
    bringSlots(shared, pages, slots, count);
    __syncthreads();  // all slots are there, and the queries, before they are multiplied
    prefixScores(shared, slots, count, heads, headDim, cap * kLog2E);
    __syncthreads();  // scores before their maximum
    prefixSoftmax(shared, slots, heads);
    __syncthreads();  // exponentials and factors before the output
    prefixOutput(shared, slots, heads, headDim);
    __syncthreads();  // the output has read weights and values before the next slots replace them
  }
  __syncthreads();  // also with no slots at all, the empty result is written before it is read
}

/** One block's arguments, whatever the pages are. */
template <typename Act>
struct PrefixCall {
  Act* out;
  float* logSumExp;
  unsigned long long* counters;
  unsigned long long* prefixCounters;
  Partials partials;
  const Act* q;
  ListedSlots listed;
  int batchRow;
  int group;
  int qStride;
  int outStride;
  int lseStride;
  float scale;
  float cap;

  __device__ __forceinline__ void count(int tokens) const {
    const size_t row = batchRow;
    atomicAdd(&counters[row * 3 + 1], static_cast<unsigned long long>(listed.units));
    atomicAdd(&counters[row * 3 + 2], static_cast<unsigned long long>(tokens));
    atomicAdd(&prefixCounters[row], static_cast<unsigned long long>(tokens));
  }

  template <typename Pages>
  __device__ __forceinline__ void run(const Pages& pages) {
    QUEST_DYNAMIC_SHARED(memory);
    const int headDim = pages.shape.headDim;
    const int headTiles = ceilDiv(group, kPrefixHeads);
    const int tileHead = blockIdx.y % headTiles * kPrefixHeads;
    const int head = static_cast<int>(blockIdx.y) / headTiles * group + tileHead;
    const int heads = group - tileHead < kPrefixHeads ? group - tileHead : kPrefixHeads;
    const int tokens = listed.tokens();
    const ListSplit cut = ListSplit::of(tokens);
    if (tokens == 0 || static_cast<int>(blockIdx.x) >= cut.splits) {
      return;  // uniform over the block; without slots nothing is added
    }
    if (blockIdx.x == 0 && tileHead == 0 && threadIdx.x == 0) {
      count(tokens);
    }
    const int slots = headDim > 128 ? 32 : 64;
    const PrefixShared shared = PrefixShared::over(memory, slots, heads, headDim);
    const int from = blockIdx.x * cut.tokensPerSplit;
    const int to = tokens - from < cut.tokensPerSplit ? tokens : from + cut.tokensPerSplit;
    prefixAttention(shared, q + static_cast<size_t>(batchRow) * qStride + static_cast<size_t>(head) * headDim, pages,
                    listed, from, to, slots, heads, scale, cap);
    partials.heads = heads;
    const AttentionOut<Act> target = {
        out + static_cast<size_t>(batchRow) * outStride + static_cast<size_t>(head) * headDim,
        logSumExp + static_cast<size_t>(batchRow) * lseStride + head};
    finishSplit<true>(target, partials, static_cast<size_t>(blockIdx.z) * gridDim.y + blockIdx.y, blockIdx.x,
                      cut.splits, shared.out, headDim, shared.state, shared.weights);
  }
};

template <typename Act, typename Kv>
__device__ __forceinline__ void attendPrefixOf(PrefixCall<Act> call, const Kv* pages, const PrefixShape& shape) {
  call.run(WholePrefix<Kv>{pages, shape});
}

/** The formats of engine.ops.prefix.PageFormat. */
template <typename Act>
__device__ __forceinline__ void attendPrefixOf(PrefixCall<Act> call, const i8* pages, const PrefixShape& shape) {
  const unsigned char* bytes = reinterpret_cast<const unsigned char*>(pages);
  if (shape.keyBits == 8) {  // each uniform over the grid
    call.run(PackedPrefix<8, 8>{bytes, shape});
  } else if (shape.keyBits == 2) {
    call.run(PackedPrefix<2, 2>{bytes, shape});
  } else if (shape.valueBits == 4) {
    call.run(PackedPrefix<4, 4>{bytes, shape});
  } else {
    call.run(PackedPrefix<4, 2>{bytes, shape});
  }
}

}  // namespace quest

#define ATTEND_PREFIX(act, Act, dtype, Kv)                                                                          \
  extern "C" __global__ void __launch_bounds__(128, 3) attend_prefix_##act##_##dtype(                               \
      Act* __restrict__ out, float* __restrict__ logSumExp, unsigned long long* __restrict__ counters,              \
      unsigned long long* __restrict__ prefixCounters, float* partOut, float* partState, int* tickets,              \
      const Act* __restrict__ q, const Kv* __restrict__ pages, const int* __restrict__ tables,                      \
      const int* __restrict__ rowTables, const int* __restrict__ list, const int* __restrict__ listCount,           \
      int fromRow, int firstList, int lists, int kvHeads, int headDim, int tile, int keyBits, int valueBits,        \
      int unit, int group, int maxEntries, int qStride, int outStride, int lseStride, float scale, float cap) {     \
    const int kvHead = blockIdx.y / quest::ceilDiv(group, quest::kPrefixHeads);                                     \
    const int row = fromRow + blockIdx.z;                                                                           \
    const size_t entry = static_cast<size_t>(blockIdx.z) * kvHeads + kvHead;                                        \
    const quest::PrefixList prefix = quest::PrefixList::of(tables, rowTables, row, lists, firstList + kvHead);      \
    const quest::ListedSlots listed = {prefix, list == nullptr ? nullptr : list + entry * maxEntries,               \
                                       list == nullptr ? quest::ceilDiv(prefix.slots, unit) : listCount[entry],     \
                                       unit};                                                                       \
    const int slots = group < quest::kPrefixHeads ? group : quest::kPrefixHeads;                                    \
    const quest::Partials partials = {partOut, reinterpret_cast<quest::SoftmaxState*>(partState), tickets,          \
                                      slots,   0, headDim};                                                         \
    quest::attendPrefixOf(quest::PrefixCall<Act>{out, logSumExp, counters, prefixCounters, partials, q, listed, row, \
                                                 group, qStride, outStride, lseStride, scale, cap},                 \
                          pages, quest::PrefixShape{headDim, tile, keyBits, valueBits});                            \
  }

ATTEND_PREFIX(f32, float, f32, float)
ATTEND_PREFIX(f32, float, bf16, bf16)
ATTEND_PREFIX(f32, float, f16, f16)
ATTEND_PREFIX(f32, float, i8, i8)
ATTEND_PREFIX(bf16, bf16, bf16, bf16)
ATTEND_PREFIX(bf16, bf16, f16, f16)
ATTEND_PREFIX(bf16, bf16, i8, i8)
