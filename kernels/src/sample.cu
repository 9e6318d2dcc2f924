// sample: draws a token of each row: penalty, temperature, top_k, top_p, min_p and one random number of the row's. The
// definition is RowSampling's (Java): weights are whole numbers, so that their sums are exact in any order and a row's
// token is the same on every backend.
//
// top_k and top_p end at a logit, which is found on its order-preserving bits, eleven at a time, from what each value of
// those bits holds: how many tokens, or how much weight. Nothing is sorted. Tokens with that very logit have one weight,
// so that a number of them is all there is to know; the lowest ids are taken.
// Reads V floats of a row some eight times; after the first they come from L2 (128,256 logits are 513 KB). 4 bytes out.
//
//   rows (R, kRowInts)   inverse temperature (0: the best token; below: nothing is drawn), top_k (0: all), top_p, min_p,
//                        penalty, the halves of the random number, where the row's seen tokens begin in `rows` and how
//                        many there are
// Grid: one block of 1024 threads per row; the result does not depend on it.
#include "best_token.cuh"
#include "block_scan.cuh"
#include "ordered_bits.cuh"

namespace quest {

constexpr int kRowInts = 9;
constexpr int kDigitBits = 11;
constexpr int kDigits = 1 << kDigitBits;
constexpr float kUnit = 17179869184.0f;  // 2^34: the weight of the best token

typedef unsigned long long Weight;

/** e^x for x <= 0 within 2 ulp, 0 below -87: ScalarMath.exp, operation by operation. */
__device__ __forceinline__ float exponential(float x) {
  constexpr float kToInteger = 12582912.0f;
  const float n = fmaf(x, 1.44269504f, kToInteger) - kToInteger;
  float r = fmaf(n, -0.693359375f, x);
  r = fmaf(n, 2.12194440e-4f, r);
  float p = 1.0f / 5040;
  p = fmaf(p, r, 1.0f / 720);
  p = fmaf(p, r, 1.0f / 120);
  p = fmaf(p, r, 1.0f / 24);
  p = fmaf(p, r, 1.0f / 6);
  p = fmaf(p, r, 0.5f);
  p = fmaf(p, r, 1.0f);
  p = fmaf(p, r, 1.0f);
  const float scale = floatOfBits(static_cast<unsigned>(static_cast<int>(n) + 127) << 23);
  return x >= -87.0f ? p * scale : 0.0f;
}

/** To the nearest, ties to even; at most 2^34. */
__device__ __forceinline__ Weight wholeNumber(float weight) {
#ifdef QUEST_PORTABLE
  return static_cast<Weight>(llrintf(weight));
#else
  return __float2ull_rn(weight);
#endif
}

/** What is kept of a row: keys above the threshold, and the lowest ids of those equal to it. */
struct KeptTokens {
  unsigned key;
  int ties;
};

/** A row of logits after the penalty, and what its weights come from. */
struct WeighedRow {
  const float* logits;
  int vocabulary;
  float largest;
  float inverseTemperature;

  __device__ __forceinline__ Weight weight(float logit) const {
    return wholeNumber(kUnit * exponential((logit - largest) * inverseTemperature));
  }
};

/** The sum over the threads of a block, in every thread. */
__device__ __forceinline__ Weight sumBlock(Weight value) {
  __shared__ Weight sum;
  __syncthreads();  // the previous call's reads of the sum come before this call's write
  const Weight before = exclusiveScanBlock(value);
  if (threadIdx.x == blockDim.x - 1) {
    sum = before + value;
  }
  __syncthreads();  // the sum is written before all read it
  return sum;
}

/** The weight of the kept tokens with at least `least`. */
__device__ __forceinline__ Weight weightOf(const WeighedRow& row, const KeptTokens& kept, Weight least) {
  Weight mine = 0;
  for (int id = threadIdx.x; id < row.vocabulary; id += blockDim.x) {
    const float logit = row.logits[id];
    const unsigned key = orderedBits(logit);
    const Weight weight = row.weight(logit);
    if (key > kept.key && weight >= least) {
      mine += weight;
    }
  }
  return sumBlock(mine);
}

/** The logit of a key. */
__device__ __forceinline__ float logitOf(unsigned key) {
  return floatOfBits(key & 0x80000000u ? key & 0x7fffffffu : ~key);
}

/**
 * The fewest best tokens among the kept whose amounts reach the limit, which is at most the sum of all. A token's amount
 * is its weight, or 1 with `Count`.
 */
template <bool Count>
__device__ __forceinline__ KeptTokens bestTokens(const WeighedRow& row, const KeptTokens& kept, Weight limit) {
  __shared__ Weight held[kDigits];
  __shared__ Weight left;
  __shared__ unsigned found;
  unsigned prefix = 0;
  unsigned known = 0;  // mask of the bits that are decided
#pragma unroll 1
  for (int digit = 0; digit < 3; digit++) {
    const int shift = digit == 0 ? 21 : digit == 1 ? 10 : 0;
    const unsigned digits = digit == 2 ? (1u << 10) - 1 : kDigits - 1;
    for (int i = threadIdx.x; i < kDigits; i += blockDim.x) {
      held[i] = 0;
    }
    __syncthreads();  // nothing is held before anything is added
    for (int id = threadIdx.x; id < row.vocabulary; id += blockDim.x) {
      const float logit = row.logits[id];
      const unsigned key = orderedBits(logit);
      if (key > kept.key && (key & known) == prefix) {
        atomicAdd(&held[key >> shift & digits], Count ? Weight(1) : row.weight(logit));
      }
    }
    if (threadIdx.x == 0 && kept.ties > 0 && (kept.key & known) == prefix) {
      const Weight each = Count ? Weight(1) : row.weight(logitOf(kept.key));
      atomicAdd(&held[kept.key >> shift & digits], each * static_cast<Weight>(kept.ties));
    }
    __syncthreads();  // all amounts are there before they are added up
    const int perThread = kDigits / static_cast<int>(blockDim.x) > 0 ? kDigits / static_cast<int>(blockDim.x) : 1;
    const int top = kDigits - 1 - static_cast<int>(threadIdx.x) * perThread;  // descending
    Weight mine = 0;
    for (int i = top; i > top - perThread && i >= 0; i--) {
      mine += held[i];
    }
    Weight above = exclusiveScanBlock(mine);
    if (above < limit && limit <= above + mine) {  // exactly one thread
      int i = top;
      while (above + held[i] < limit) {
        above += held[i];
        i--;
      }
      found = static_cast<unsigned>(i);
      left = limit - above;
    }
    __syncthreads();  // the one thread's result is written before all read it
    prefix |= found << shift;
    known |= digits << shift;
    limit = left;
    __syncthreads();  // all have read it before the next digit's is written
  }
  const Weight each = Count ? Weight(1) : row.weight(logitOf(prefix));
  return KeptTokens{prefix, static_cast<int>((limit + each - 1) / each)};
}

/** Which of the equal logits come before a warp's part of the row, and what weighs before it. */
struct Place {
  int warp;
  int ties;
  Weight passed;
};

/** The token before which less than or exactly `random` of the kept weight lies, by id. */
__device__ __forceinline__ int drawToken(const WeighedRow& row, const KeptTokens& kept, Weight least, double random) {
  __shared__ Weight warpWeight[kWarp];
  __shared__ int warpTies[kWarp];
  __shared__ Place place;
  __shared__ Weight target;
  __shared__ int token;
  const int lane = threadIdx.x % kWarp;
  const int warp = threadIdx.x / kWarp;
  const int warps = blockDim.x / kWarp;
  const int part = (row.vocabulary + warps * kWarp - 1) / (warps * kWarp) * kWarp;  // whole warps of tokens
  const int from = warp * part;
  const int to = from + part < row.vocabulary ? from + part : row.vocabulary;
  Weight tie = kept.ties > 0 ? row.weight(logitOf(kept.key)) : 0;
  tie = tie >= least ? tie : 0;
  Weight mine = 0;
  int ties = 0;
  for (int id = from + lane; id < to; id += kWarp) {
    const float logit = row.logits[id];
    const unsigned key = orderedBits(logit);
    const Weight weight = row.weight(logit);
    mine += key > kept.key && weight >= least ? weight : 0;
    ties += key == kept.key;
  }
#pragma unroll
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    mine += __shfl_xor_sync(kAllLanes, mine, distance);
    ties += __shfl_xor_sync(kAllLanes, ties, distance);
  }
  if (lane == 0) {
    warpWeight[warp] = mine;
    warpTies[warp] = ties;
  }
  __syncthreads();  // all warps' parts are known before one thread adds them up
  if (threadIdx.x == 0) {
    Weight all = static_cast<Weight>(kept.ties) * tie;
    for (int i = 0; i < warps; i++) {
      all += warpWeight[i];
    }
    const double length = static_cast<double>(all);
    const double at = floor(random * length);
    target = static_cast<Weight>(at < length - 1 ? at : length - 1);
    place = Place{0, 0, 0};
    while (true) {
      const int taken = min(max(kept.ties - place.ties, 0), warpTies[place.warp]);
      const Weight here = warpWeight[place.warp] + static_cast<Weight>(taken) * tie;
      if (place.passed + here > target) {
        break;
      }
      place.passed += here;
      place.ties += warpTies[place.warp];
      place.warp++;
    }
  }
  __syncthreads();  // the place is written before its warp reads it
  if (warp == place.warp) {  // uniform over the warp
    Weight passed = place.passed;
    int before = place.ties;
    for (int start = from; start < to; start += kWarp) {
      const int id = start + lane;
      const float logit = id < to ? row.logits[id] : negativeInfinity();
      const unsigned key = id < to ? orderedBits(logit) : 0;
      const bool equal = id < to && key == kept.key;
      const unsigned equals = __ballot_sync(kAllLanes, equal);
      Weight weight = id < to ? row.weight(logit) : 0;
      weight = key > kept.key && weight >= least ? weight : 0;
      if (equal && before + __popc(equals & ((1u << lane) - 1u)) < kept.ties) {
        weight = tie;
      }
      Weight inclusive = weight;
#pragma unroll
      for (int distance = 1; distance < kWarp; distance *= 2) {
        const Weight below = __shfl_up_sync(kAllLanes, inclusive, distance);
        inclusive += lane >= distance ? below : Weight(0);
      }
      const unsigned reached = __ballot_sync(kAllLanes, passed + inclusive > target);
      if (reached != 0) {  // uniform over the warp
        if ((reached & ((2u << lane) - 1u)) == 1u << lane) {  // the first of them
          token = id;
        }
        break;
      }
      passed += __shfl_sync(kAllLanes, inclusive, kWarp - 1);
      before += __popc(equals);
    }
  }
  __syncthreads();  // the token is written before all read it
  return token;
}

__device__ __forceinline__ void sample(int* tokens, float* logits, const int* rows, int vocabulary, int logitStride) {
  const int* given = rows + blockIdx.x * kRowInts;
  const float inverseTemperature = floatOfBits(static_cast<unsigned>(given[0]));
  if (inverseTemperature < 0) {
    return;  // uniform over the block
  }
  float* row = logits + static_cast<size_t>(blockIdx.x) * logitStride;
  const int topK = given[1];
  const float topP = floatOfBits(static_cast<unsigned>(given[2]));
  const float minP = floatOfBits(static_cast<unsigned>(given[3]));
  const float penalty = floatOfBits(static_cast<unsigned>(given[4]));
  const Weight bits = static_cast<Weight>(static_cast<unsigned>(given[6])) << 32 | static_cast<unsigned>(given[5]);
  const double random = static_cast<double>(bits) * (1.0 / 9007199254740992.0);  // 53 bits
  const int* seen = rows + given[7];
  for (int i = threadIdx.x; i < given[8]; i += blockDim.x) {
    const float logit = row[seen[i]];
    row[seen[i]] = logit > 0 ? logit / penalty : logit * penalty;
  }
  __syncthreads();  // the penalties are in the row before anyone else reads it
  __shared__ int best;
  const int bestHere = bestTokenOf(row, vocabulary);
  if (threadIdx.x == 0) {
    best = bestHere;
  }
  __syncthreads();  // the best token is written before all read it
  const float largest = best < 0 ? 0.0f : row[best];
  if (best < 0 || inverseTemperature == 0 || largest - largest != 0) {  // uniform; the last: infinite
    if (threadIdx.x == 0) {
      tokens[blockIdx.x] = best;
    }
    return;
  }
  const WeighedRow weighed = {row, vocabulary, largest, inverseTemperature};
  const double floorOfMinP = ceil(static_cast<double>(minP) * static_cast<double>(kUnit));
  const Weight least = floorOfMinP > 1 ? static_cast<Weight>(floorOfMinP) : Weight(1);
  KeptTokens kept = {0, 0};
  if (topK > 0) {
    kept = bestTokens<true>(weighed, kept, static_cast<Weight>(topK));
  }
  if (topP < 1) {
    Weight total = weightOf(weighed, kept, 0);
    if (kept.ties > 0) {
      total += static_cast<Weight>(kept.ties) * weighed.weight(logitOf(kept.key));
    }
    const Weight limit = static_cast<Weight>(ceil(static_cast<double>(topP) * static_cast<double>(total)));
    kept = bestTokens<false>(weighed, kept, limit);
  }
  const int token = drawToken(weighed, kept, least, random);
  if (threadIdx.x == 0) {
    tokens[blockIdx.x] = token;
  }
}

}  // namespace quest

extern "C" __global__ void __launch_bounds__(1024)
    sample_f32(int* __restrict__ tokens, float* logits, const int* __restrict__ rows, int vocabulary, int logitStride) {
  quest::sample(tokens, logits, rows, vocabulary, logitStride);
}
