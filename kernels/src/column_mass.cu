// column_mass: how much attention each key gets from given rows of its sequence, per query head: the sum over the rows of
// softmax(scale * q.k), which GemFilter (arXiv 2409.17422) and SpecPrefill (arXiv 2502.02789) choose tokens by.
//
//   mass (Hq, columns) added to   logSumExp (R, Hq)   q (R, Hq * D) rotated   keys (page, Hkv, slot, D)
//
// Two launches: column_lse takes each row's log-sum-exp over all keys that it sees, column_mass adds the weights of the
// keys that have a column. A column adds its rows one by one in their order, so its bits do not depend on how the rows
// were cut into steps. Reads the keys twice per row from L2; the rows are few (a question), the keys many.
//
// column_lse    grid: (Hq, rows) blocks of 256 threads, rows from `fromRow`. A thread takes every 256th key.
// column_mass   grid: (ceil(columns / 128), Hq) blocks of 128 threads, one column each.
#include "column_logit.cuh"
#include "paged_kv.cuh"
#include "reduce.cuh"

namespace quest {

constexpr int kColumnThreads = 128;

template <typename Act, typename Kv>
__device__ __forceinline__ void columnLse(float* logSumExp, const Act* q, const Kv* keys, const RowPages& row,
                                          const PagedKv& kv, int batchRow, int group, int qStride, int lseStride,
                                          float scale, float cap) {
  const int head = blockIdx.x;
  const Act* query = q + static_cast<size_t>(batchRow) * qStride + static_cast<size_t>(head) * kv.headDim;
  SoftmaxState mine = SoftmaxState::empty();
  for (int at = row.firstVisible + static_cast<int>(threadIdx.x); at <= row.position; at += blockDim.x) {
    const Kv* key = keys + kv.token(row.table[at / kv.pageSize], head / group, at % kv.pageSize);
    const float logit = columnLogit(query, key, kv.headDim, scale, cap);
    mine.raise(logit);
    mine.sum += mine.weight(logit);
  }
  SoftmaxState whole = {reduceBlock<Max>(mine.maximum), 0.0f};
  whole.sum = reduceBlock<Sum>(mine.sum * whole.weight(mine.maximum));
  if (threadIdx.x == 0) {
    logSumExp[static_cast<size_t>(batchRow) * lseStride + head] = whole.logSumExp();
  }
}

template <typename Act, typename Kv>
__device__ __forceinline__ void columnMass(float* mass, const float* logSumExp, const Act* q, const Kv* keys,
                                           const int* positions, const int* rowSpan, const int* spanPages,
                                           const int* pageTable, const PagedKv& kv, int fromRow, int rows, int columns,
                                           int group, int window, int massStride, int qStride, int lseStride,
                                           float scale, float cap, int add) {
  const int column = blockIdx.x * kColumnThreads + threadIdx.x;
  const int head = blockIdx.y;
  if (column >= columns) {
    return;
  }
  float* target = mass + static_cast<size_t>(head) * massStride + column;
  float sum = add != 0 ? *target : 0.0f;
  for (int r = fromRow; r < fromRow + rows; r++) {
    const RowPages row = RowPages::of(r, positions, rowSpan, spanPages, pageTable, kv.pageSize, window);
    if (column < row.firstVisible || column > row.position) {
      continue;
    }
    const Kv* key = keys + kv.token(row.table[column / kv.pageSize], head / group, column % kv.pageSize);
    const Act* query = q + static_cast<size_t>(r) * qStride + static_cast<size_t>(head) * kv.headDim;
    const float logit = columnLogit(query, key, kv.headDim, scale, cap);
    sum += exp2Fast(logit - logSumExp[static_cast<size_t>(r) * lseStride + head] * kLog2E);
  }
  *target = sum;
}

}  // namespace quest

#define COLUMN_MASS(act, Act, dtype, Kv)                                                                            \
  extern "C" __global__ void __launch_bounds__(256) column_lse_##act##_##dtype(                                     \
      float* __restrict__ logSumExp, const Act* __restrict__ q, const Kv* __restrict__ keys,                        \
      const int* __restrict__ positions, const int* __restrict__ rowSpan, const int* __restrict__ spanPages,        \
      const int* __restrict__ pageTable, int fromRow, int kvHeads, int headDim, int pageSize, int group, int window, \
      int qStride, int lseStride, float scale, float cap) {                                                         \
    const int row = fromRow + blockIdx.y;                                                                           \
    quest::columnLse(logSumExp, q, keys,                                                                            \
                     quest::RowPages::of(row, positions, rowSpan, spanPages, pageTable, pageSize, window),          \
                     quest::PagedKv{kvHeads, headDim, pageSize}, row, group, qStride, lseStride, scale, cap);       \
  }                                                                                                                 \
  extern "C" __global__ void __launch_bounds__(128) column_mass_##act##_##dtype(                                    \
      float* __restrict__ mass, const float* __restrict__ logSumExp, const Act* __restrict__ q,                     \
      const Kv* __restrict__ keys, const int* __restrict__ positions, const int* __restrict__ rowSpan,              \
      const int* __restrict__ spanPages, const int* __restrict__ pageTable, int fromRow, int rows, int columns,     \
      int kvHeads, int headDim, int pageSize, int group, int window, int massStride, int qStride, int lseStride,    \
      float scale, float cap, int add) {                                                                            \
    quest::columnMass(mass, logSumExp, q, keys, positions, rowSpan, spanPages, pageTable,                           \
                      quest::PagedKv{kvHeads, headDim, pageSize}, fromRow, rows, columns, group, window, massStride, \
                      qStride, lseStride, scale, cap, add);                                                         \
  }

COLUMN_MASS(f32, float, f32, float)
COLUMN_MASS(f32, float, bf16, bf16)
COLUMN_MASS(f32, float, f16, f16)
COLUMN_MASS(bf16, bf16, bf16, bf16)
COLUMN_MASS(bf16, bf16, f16, f16)
