// append_kv: rotates q in place, rotates k, writes k and v to the pages of each row's sequence and refreshes the
// digests of every page touched. Rotary embedding of arXiv 2104.09864 with the pairing of Llama: channel i with
// i + D/2; rope (max_model_len, D) = [cos | sin], so that all scalings are the table's business.
//
//   q (R, Hq * D) rotated in place   k, v (R, Hkv * D)   keys, values (page, Hkv, slot, D)
//   minMax, meanStd (page, Hkv, 2 * D), null if the run does not keep the pair; i8: see page_digest.cuh
//
// Moves, per row: 2 Hq D + 2 Hkv D activations, 2 Hkv D of cache, and per page touched one page of keys.
// Grid: (R, Hkv) blocks of 128 threads. The first row that falls into a page leads: its block writes all rows of
// the step that fall into that page (at most pageSize), then digests the page; the other rows' blocks leave at once.
#include "page_digest.cuh"

namespace quest {

constexpr int kPairsAtOnce = 4;  // that a thread has under way: in decode a block is all latency

/** Which channels a thread rotates: i and i + half of a head of a row; the head after the group's last is the key. */
struct HeadPair {
  int i;
  int head;
  size_t row;

  static __device__ __forceinline__ HeadPair of(int index, int half, int group) {
    return {index % half, index / half % (group + 1), static_cast<size_t>(index / half / (group + 1))};
  }
};

/**
 * Rotates `rows` rows' query heads of one group in place and their key into the page, pair (i, i + half) by pair.
 * Row r of them stands at position `position` + r of the table, its key at keys + r * headDim.
 */
template <typename Act, typename Kv>
__device__ __forceinline__ void rotateRows(Act* q, Kv* keys, const Act* k, const float* rope, int position, int rows,
                                           int group, int headDim, int qStride, int kStride, int ropeStride) {
  const int half = headDim / 2;
  const int pairs = rows * (group + 1) * half;
  for (int base = threadIdx.x; base < pairs; base += kPairsAtOnce * blockDim.x) {
    float low[kPairsAtOnce];
    float high[kPairsAtOnce];
#pragma unroll
    for (int j = 0; j < kPairsAtOnce; j++) {
      const int index = base + j * static_cast<int>(blockDim.x);
      if (index < pairs) {
        const HeadPair at = HeadPair::of(index, half, group);
        const Act* source = at.head < group ? q + at.row * qStride + at.head * headDim : k + at.row * kStride;
        const float* angle = rope + (position + at.row) * ropeStride;
        const float first = toFloat(source[at.i]);
        const float second = toFloat(source[half + at.i]);
        low[j] = first * angle[at.i] - second * angle[half + at.i];
        high[j] = second * angle[at.i] + first * angle[half + at.i];
      }
    }
#pragma unroll
    for (int j = 0; j < kPairsAtOnce; j++) {
      const int index = base + j * static_cast<int>(blockDim.x);
      if (index < pairs) {
        const HeadPair at = HeadPair::of(index, half, group);
        if (at.head < group) {
          Act* target = q + at.row * qStride + at.head * headDim;
          target[at.i] = fromFloat<Act>(low[j]);
          target[half + at.i] = fromFloat<Act>(high[j]);
        } else {
          Kv* target = keys + at.row * headDim;
          target[at.i] = fromFloat<Kv>(low[j]);
          target[half + at.i] = fromFloat<Kv>(high[j]);
        }
      }
    }
  }
}

template <typename Act, typename Kv, typename Digest>
__device__ __forceinline__ void appendKv(Act* q, Kv* keys, Kv* values, Digest* minMax, Digest* meanStd,
                                         const Act* k, const Act* v, const float* rope, const int* positions,
                                         const int* rowSpan, const int* spanRows, const int* spanPages,
                                         const int* pageTable, const PagedKv& kv, int group, int qStride,
                                         int kStride, int vStride, int ropeStride) {
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
  rotateRows(q + static_cast<size_t>(leader) * qStride + static_cast<size_t>(kvHead) * group * headDim, keys + at,
             k + static_cast<size_t>(leader) * kStride + static_cast<size_t>(kvHead) * headDim, rope,
             positions[leader], rows, group, headDim, qStride, kStride, ropeStride);
  const Act* value = v + static_cast<size_t>(leader) * vStride + static_cast<size_t>(kvHead) * headDim;
  for (int i = threadIdx.x; i < rows * headDim; i += blockDim.x) {
    values[at + i] = fromFloat<Kv>(toFloat(value[static_cast<size_t>(i / headDim) * vStride + i % headDim]));
  }
  __syncthreads();  // the page's new keys are written before other threads digest them

  const Kv* pageKeys = keys + kv.token(page, kvHead, 0);
  const size_t digest = kv.digest<Digest>(page, kvHead);
  if (minMax != nullptr) {  // uniform over the grid
    writeDigest(minMax + digest, pageKeys, headDim, firstSlot + rows, kMinMax);
  }
  if (meanStd != nullptr) {
    writeDigest(meanStd + digest, pageKeys, headDim, firstSlot + rows, kMeanStd);
  }
}

}  // namespace quest

#define APPEND_KV(act, Act, dtype, Kv, suffix, Digest)                                                        \
  extern "C" __global__ void __launch_bounds__(128, 8) append_kv_##act##_##dtype##suffix(                     \
      Act* __restrict__ q, Kv* __restrict__ keys, Kv* __restrict__ values, Digest* __restrict__ minMax,       \
      Digest* __restrict__ meanStd, const Act* __restrict__ k, const Act* __restrict__ v,                     \
      const float* __restrict__ rope, const int* __restrict__ positions, const int* __restrict__ rowSpan,     \
      const int* __restrict__ spanRows, const int* __restrict__ spanPages, const int* __restrict__ pageTable, \
      int kvHeads, int headDim, int pageSize, int group, int qStride, int kStride, int vStride,               \
      int ropeStride) {                                                                                       \
    quest::appendKv(q, keys, values, minMax, meanStd, k, v, rope, positions, rowSpan, spanRows, spanPages,    \
                    pageTable, quest::PagedKv{kvHeads, headDim, pageSize}, group, qStride, kStride, vStride,  \
                    ropeStride);                                                                              \
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
