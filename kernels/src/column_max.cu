// column_max: the most attention that rows of one sequence give each key of a chunk: the largest softmax(scale * q.k) over the
// rows and the query heads that share a KV head (KVzip, arXiv 2505.23416, equation 2). The softmax is over the first
// positions, the chunk, and what the row sees from its own tokens' first position on.
//
//   scores (Hkv, at least the chunk) raised   logSumExp (rows, Hq)   q (R, Hq * D) rotated   keys (page, Hkv, slot, D)
//
// Two launches: column_max_lse takes each row's log-sum-exp over the keys that count, column_max raises the chunk's columns.
// A maximum knows no order, so blocks of rows raise a column by atomics and no bit depends on it: weights are not
// negative, and such floats have the order of their bits. Plain arithmetic in float.
//
// column_max_lse  grid: (Hq, rows) blocks of 256 threads, rows from `fromRow`. A thread takes every 256th key.
// column_max      grid: (ceil(chunk / 128), Hkv, ceil(rows / 64)) blocks of 128 threads, one column each.
#include "column_logit.cuh"
#include "paged_kv.cuh"
#include "reduce.cuh"

namespace quest {

constexpr int kChunkThreads = 128;
constexpr int kChunkRows = 64;

/** The keys that count for rows of one sequence, as one run: the first ones, the chunk, then the own ones. */
struct CountedKeys {
  int first;
  int chunkFrom;
  int chunkCount;
  int ownFrom;

  __device__ __forceinline__ int seenBy(int position) const { return first + chunkCount + position + 1 - ownFrom; }

  __device__ __forceinline__ int position(int i) const {
    if (i < first) {
      return i;
    }
    return i < first + chunkCount ? chunkFrom + i - first : ownFrom + i - first - chunkCount;
  }
};

template <typename Act, typename Kv>
__device__ __forceinline__ void columnMaxLse(float* logSumExp, const Act* q, const Kv* keys, const RowPages& row,
                                             const PagedKv& kv, const CountedKeys& counted, int batchRow, int group,
                                             int qStride, float scale, float cap) {
  const int head = blockIdx.x;
  const Act* query = q + static_cast<size_t>(batchRow) * qStride + static_cast<size_t>(head) * kv.headDim;
  SoftmaxState mine = SoftmaxState::empty();
  for (int i = threadIdx.x; i < counted.seenBy(row.position); i += blockDim.x) {
    const int at = counted.position(i);
    const Kv* key = keys + kv.token(row.table[at / kv.pageSize], head / group, at % kv.pageSize);
    const float logit = columnLogit(query, key, kv.headDim, scale, cap);
    mine.raise(logit);
    mine.sum += mine.weight(logit);
  }
  SoftmaxState whole = {reduceBlock<Max>(mine.maximum), 0.0f};
  whole.sum = reduceBlock<Sum>(mine.sum * whole.weight(mine.maximum));
  if (threadIdx.x == 0) {
    logSumExp[static_cast<size_t>(blockIdx.y) * gridDim.x + head] = whole.logSumExp();
  }
}

template <typename Act, typename Kv>
__device__ __forceinline__ void columnMax(float* scores, const float* logSumExp, const Act* q, const Kv* keys,
                                          const RowPages& row, const PagedKv& kv, int chunkFrom, int chunkCount,
                                          int fromRow, int rows, int group, int scoreStride, int qStride, float scale,
                                          float cap) {
  const int column = blockIdx.x * kChunkThreads + threadIdx.x;
  const int kvHead = blockIdx.y;
  if (column >= chunkCount) {
    return;
  }
  const int at = chunkFrom + column;
  const Kv* key = keys + kv.token(row.table[at / kv.pageSize], kvHead, at % kv.pageSize);
  const int end = min(rows, static_cast<int>(blockIdx.z + 1) * kChunkRows);
  float most = 0.0f;
  for (int r = blockIdx.z * kChunkRows; r < end; r++) {
    for (int g = 0; g < group; g++) {
      const int head = kvHead * group + g;
      const Act* query = q + static_cast<size_t>(fromRow + r) * qStride + static_cast<size_t>(head) * kv.headDim;
      const float logit = columnLogit(query, key, kv.headDim, scale, cap);
      const float weight = exp2Fast(logit - logSumExp[static_cast<size_t>(r) * gridDim.y * group + head] * kLog2E);
      most = weight > most ? weight : most;
    }
  }
  atomicMax(reinterpret_cast<int*>(scores + static_cast<size_t>(kvHead) * scoreStride + column),
            static_cast<int>(bitsOfFloat(most)));
}

}  // namespace quest

#define COLUMN_MAX(act, Act, dtype, Kv)                                                                              \
  extern "C" __global__ void __launch_bounds__(256, 4) column_max_lse_##act##_##dtype(                                  \
      float* __restrict__ logSumExp, const Act* __restrict__ q, const Kv* __restrict__ keys,                         \
      const int* __restrict__ positions, const int* __restrict__ rowSpan, const int* __restrict__ spanPages,         \
      const int* __restrict__ pageTable, int fromRow, int kvHeads, int headDim, int pageSize, int group, int first,  \
      int chunkFrom, int chunkCount, int ownFrom, int qStride, float scale, float cap) {                             \
    const int row = fromRow + blockIdx.y;                                                                            \
    quest::columnMaxLse(logSumExp, q, keys,                                                                          \
                        quest::RowPages::of(row, positions, rowSpan, spanPages, pageTable, pageSize, 0),             \
                        quest::PagedKv{kvHeads, headDim, pageSize},                                                  \
                        quest::CountedKeys{first, chunkFrom, chunkCount, ownFrom}, row, group, qStride, scale, cap); \
  }                                                                                                                  \
  extern "C" __global__ void __launch_bounds__(128) column_max_##act##_##dtype(                                      \
      float* __restrict__ scores, const float* __restrict__ logSumExp, const Act* __restrict__ q,                    \
      const Kv* __restrict__ keys, const int* __restrict__ positions, const int* __restrict__ rowSpan,               \
      const int* __restrict__ spanPages, const int* __restrict__ pageTable, int fromRow, int rows, int kvHeads,      \
      int headDim, int pageSize, int group, int chunkFrom, int chunkCount, int scoreStride, int qStride,             \
      float scale, float cap) {                                                                                      \
    quest::columnMax(scores, logSumExp, q, keys,                                                                     \
                     quest::RowPages::of(fromRow, positions, rowSpan, spanPages, pageTable, pageSize, 0),            \
                     quest::PagedKv{kvHeads, headDim, pageSize}, chunkFrom, chunkCount, fromRow, rows, group,        \
                     scoreStride, qStride, scale, cap);                                                              \
  }

COLUMN_MAX(f32, float, f32, float)
COLUMN_MAX(f32, float, bf16, bf16)
COLUMN_MAX(f32, float, f16, f16)
COLUMN_MAX(bf16, bf16, bf16, bf16)
COLUMN_MAX(bf16, bf16, f16, f16)
