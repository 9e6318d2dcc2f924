// compress_pages: copies the kept tokens of one layer of a document from live pages to pages of a prefix store, encodes
// them (prefix_pages.cuh), and makes the digests of what is then stored. Integers are KIVI's (arXiv 2402.02750, section 3):
// keys in groups of 32 tokens of one channel, values in groups of 32 channels of one token; the zero is the smallest
// number rounded down to bf16, the scale is rounded up, so that none is off by more than half a scale.
//
//   pages, minMax, meanStd   the store's; a null pair is not kept   keys, values (page, Hkv, slot, D)
//   jobs (pages of the layer, 4): [page of the store, KV head, first place in `kept`, tokens]
//   livePages   page ids of the document, in order   kept   positions of the document's tokens
//
// Moves 2 * D elements of the cache per kept token in, and what a page takes out: once per document.
// Grid: (pages of the layer) blocks of 128 threads, one page each. Dynamic shared memory: 8 * 32 * D bytes.
#include "page_digest.cuh"
#include "prefix_pages.cuh"
#include "shared_memory.cuh"

namespace quest {

constexpr int kTileSlots = 8;  // of a tile, whose keys a thread has under way

/** The largest bf16 number not above `x`, or the smallest not below it. */
__device__ __forceinline__ bf16 truncatedOr(float x, bool away) {
  const unsigned bits = bitsOfFloat(x);
  const bool exact = (bits & 0xffffu) == 0;
  return bf16{static_cast<unsigned short>((bits >> 16) + (away && !exact ? 1u : 0u))};
}

/** A group's scale and zero, stored; and how its numbers become integers. */
struct GroupCodec {
  float scale;
  float zero;
  int levels;

  static __device__ __forceinline__ GroupCodec store(unsigned char* at, float smallest, float largest, int bits) {
    const int levels = (1 << bits) - 1;
    const bf16 zero = truncatedOr(smallest, smallest < 0.0f);
    const float range = (largest - toFloat(zero)) / levels;
    const bf16 scale = truncatedOr(range, range > 0.0f);
    at[0] = static_cast<unsigned char>(scale.bits);
    at[1] = static_cast<unsigned char>(scale.bits >> 8);
    at[2] = static_cast<unsigned char>(zero.bits);
    at[3] = static_cast<unsigned char>(zero.bits >> 8);
    return {toFloat(scale), toFloat(zero), levels};
  }

  /** To the nearest, halves up. */
  __device__ __forceinline__ int integer(float x) const {
    if (scale == 0.0f) {
      return 0;
    }
    const float steps = (x - zero) / scale;
    const float whole = floorf(steps);
    const int nearest = static_cast<int>(whole) + (steps - whole >= 0.5f ? 1 : 0);
    return nearest < 0 ? 0 : nearest > levels ? levels : nearest;
  }
};

/** The tokens of one page, in shared memory as floats: both (slot, D). */
struct PageTokens {
  float* keys;
  float* values;
  int count;
};

template <typename Kv>
__device__ __forceinline__ void writeWholePage(Kv* page, const PageTokens& tokens, const PrefixShape& shape) {
  const int elements = kPrefixSlots * shape.headDim;
  for (int i = threadIdx.x; i < elements; i += blockDim.x) {
    const int tileElements = shape.headDim * shape.tile;
    const int slot = i / tileElements * shape.tile + i % shape.tile;
    page[i] = fromFloat<Kv>(tokens.keys[slot * shape.headDim + i / shape.tile % shape.headDim]);
    page[elements + i] = fromFloat<Kv>(tokens.values[i]);
  }
}

/** Encodes keys by channel; leaves in shared memory what was stored. */
__device__ __forceinline__ void writePackedKeys(unsigned char* page, const PageTokens& tokens, const PrefixShape& shape) {
  const int perByte = 8 / shape.keyBits;
  for (int c = threadIdx.x; c < shape.headDim; c += blockDim.x) {
    float* channel = tokens.keys + c;
    float smallest = channel[0];
    float largest = smallest;
    for (int slot = 1; slot < tokens.count; slot++) {
      const float key = channel[slot * shape.headDim];
      smallest = key < smallest ? key : smallest;
      largest = key > largest ? key : largest;
    }
    const GroupCodec codec =
        GroupCodec::store(page + shape.keyScales() + c * kPrefixScaleBytes, smallest, largest, shape.keyBits);
    for (int first = 0; first < kPrefixSlots; first += perByte) {
      unsigned packed = 0;
      for (int j = 0; j < perByte; j++) {
        const int slot = first + j;
        if (slot < tokens.count) {
          const int integer = codec.integer(channel[slot * shape.headDim]);
          packed |= static_cast<unsigned>(integer) << (j * shape.keyBits);
          channel[slot * shape.headDim] = fmaf(static_cast<float>(integer), codec.scale, codec.zero);
        }
      }
      page[shape.keyAt(first, c) / perByte] = static_cast<unsigned char>(packed);
    }
  }
}

__device__ __forceinline__ void writePackedValues(unsigned char* page, const PageTokens& tokens,
                                                  const PrefixShape& shape) {
  const int perByte = 8 / shape.valueBits;
  const int groups = tokens.count * (shape.headDim / kPrefixGroup);
  for (int group = threadIdx.x; group < groups; group += blockDim.x) {
    const float* x = tokens.values + group * kPrefixGroup;
    float smallest = x[0];
    float largest = smallest;
    for (int i = 1; i < kPrefixGroup; i++) {
      smallest = x[i] < smallest ? x[i] : smallest;
      largest = x[i] > largest ? x[i] : largest;
    }
    const GroupCodec codec =
        GroupCodec::store(page + shape.valueScales() + group * kPrefixScaleBytes, smallest, largest, shape.valueBits);
    unsigned char* integers = page + shape.values() + group * (kPrefixGroup / perByte);
    for (int first = 0; first < kPrefixGroup; first += perByte) {
      unsigned packed = 0;
      for (int j = 0; j < perByte; j++) {
        packed |= static_cast<unsigned>(codec.integer(x[first + j])) << (j * shape.valueBits);
      }
      integers[first / perByte] = static_cast<unsigned char>(packed);
    }
  }
}

template <typename Kv, typename Digest>
__device__ __forceinline__ void compressPage(unsigned char* pages, Digest* minMax, Digest* meanStd, const Kv* keys,
                                             const Kv* values, const int* jobs, const int* livePages, const int* kept,
                                             const PagedKv& kv, const PrefixShape& shape) {
  QUEST_DYNAMIC_SHARED(shared);
  const int* job = jobs + 4 * blockIdx.x;
  const int page = job[0];
  const int kvHead = job[1];
  const int* positions = kept + job[2];
  const int headDim = shape.headDim;
  const PageTokens tokens = {reinterpret_cast<float*>(shared),
                             reinterpret_cast<float*>(shared) + kPrefixSlots * headDim, job[3]};
  for (int i = threadIdx.x; i < kPrefixSlots * headDim; i += blockDim.x) {
    const int slot = i / headDim;
    float key = 0.0f;
    float value = 0.0f;
    if (slot < tokens.count) {
      const int position = positions[slot];
      const size_t at =
          kv.token(livePages[position / kv.pageSize], kvHead, position % kv.pageSize) + i % headDim;
      key = toFloat(keys[at]);
      value = toFloat(values[at]);
    }
    tokens.keys[i] = key;
    tokens.values[i] = value;
  }
  __syncthreads();  // all tokens are there before a thread encodes a channel or a group of them
  if (shape.keyBits == 0) {  // uniform over the grid
    writeWholePage(reinterpret_cast<Kv*>(pages) + static_cast<size_t>(page) * 2 * kPrefixSlots * headDim, tokens, shape);
  } else {
    unsigned char* bytes = pages + static_cast<size_t>(page) * shape.bytes();
    writePackedKeys(bytes, tokens, shape);
    writePackedValues(bytes, tokens, shape);
  }
  __syncthreads();  // the keys are what was stored before they are digested
  for (int tile = 0; tile * shape.tile < tokens.count; tile++) {
    const int present = min(shape.tile, tokens.count - tile * shape.tile);
    const float* own = tokens.keys + tile * shape.tile * headDim;
    const size_t at = (static_cast<size_t>(page) * shape.tiles() + tile) * digestStride<Digest>(headDim);
    if (minMax != nullptr) {  // uniform over the grid
      writeDigest<kTileSlots>(minMax + at, own, headDim, present, kMinMax);
    }
    if (meanStd != nullptr) {
      writeDigest<kTileSlots>(meanStd + at, own, headDim, present, kMeanStd);
    }
  }
}

}  // namespace quest

#define COMPRESS_PAGES(dtype, Kv, suffix, Digest)                                                                   \
  extern "C" __global__ void __launch_bounds__(128) compress_pages_##dtype##suffix(                                 \
      unsigned char* __restrict__ pages, Digest* __restrict__ minMax, Digest* __restrict__ meanStd,                 \
      const Kv* __restrict__ keys, const Kv* __restrict__ values, const int* __restrict__ jobs,                     \
      const int* __restrict__ livePages, const int* __restrict__ kept, int kvHeads, int headDim, int pageSize,      \
      int tile, int keyBits, int valueBits) {                                                                       \
    quest::compressPage(pages, minMax, meanStd, keys, values, jobs, livePages, kept,                                \
                        quest::PagedKv{kvHeads, headDim, pageSize},                                                 \
                        quest::PrefixShape{headDim, tile, keyBits, valueBits});                                     \
  }

COMPRESS_PAGES(f32, float, , float)
COMPRESS_PAGES(bf16, bf16, , bf16)
COMPRESS_PAGES(f16, f16, , f16)
COMPRESS_PAGES(f32, float, _i8, i8)
COMPRESS_PAGES(bf16, bf16, _i8, i8)
COMPRESS_PAGES(f16, f16, _i8, i8)
