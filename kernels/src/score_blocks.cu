// score_blocks: the attention weight of each key block before a segment, as some of the segment's rows give it: the mean
// over them and the group's query heads of softmax(scale * q.k), summed over the block's keys. Of single rows that are
// evenly spaced (SampleAttention, arXiv 2406.15486), or of strides of rows against strides of keys along antidiagonals
// (XAttention, arXiv 2503.16428): engine.ops.prefill.BlockScoring says which. A stride of 1 is a row.
//
//   scores (segments * Hkv, scoreStride): the blocks before each segment   q (R, Hq * D) rotated   keys (page, Hkv, slot, D)
//   segments (3, segmentStride): first batch rows (one more of them), positions of first rows, whether it is scored
//   sums (segments * Hkv, chunks, rowStride, 2): maximum and sum of exponentials of a chunk of columns, in base 2
//   logs (segments * Hkv, rowStride): log2 of the sum over all columns; a segment has G * count rows
//
// A column is a stride of keys; a row of the products is a stride of one head's queries: the last query meets the first
// key. Three launches: score_blocks_sums leaves maxima and sums, merge_block_sums their logarithms over all chunks,
// score_blocks_weights computes the products again and adds weights up. Kept instead, the weights of all rows would be
// hundreds of megabytes at 128K tokens. Every sum has one order: a list depends on nothing but its document.
// Reads each key twice per tile of 64 rows from L2; 4 * D * stride FLOP per row and column, on tensor cores.
//   ..._sums     grid: (chunks * ceil(rows / 64), Hkv, segments); a chunk is chunkTiles tiles of columns.
//   ..._weights  grid: (tiles of columns, Hkv, segments). A tile is as many whole blocks as 64 columns hold.
//   ..._d<D>     bf16 and f16 caches, without a cap. 128 threads. Dynamic shared memory: 128 * (D + 8) * 2 bytes.
//   no suffix    any D that is a multiple of 8. 64 threads, no dynamic shared memory. Here a tile of rows is one row.
// Segments that are not scored are left alone.
#include "flash_tile.cuh"
#include "paged_kv.cuh"
#include "shared_memory.cuh"

namespace quest {

constexpr int kColumns = 64;
constexpr int kProductRows = 64;

/** A segment, and the rows and columns of its products for one KV head. */
struct ScoredSegment {
  const int* table;
  size_t entry;  // of the list
  int firstRow;
  int start;
  int rows;
  int strides;   // of the segment's rows, whole ones
  int count;     // of them that take part, per head
  int stride;
  int columnsPerBlock;
  int tileColumns;
  int before;    // blocks
  bool scored;

  static __device__ __forceinline__ ScoredSegment of(const int* segments, int segmentStride, const int* rowSpan,
                                                     const int* spanPages, const int* pageTable, int block, int stride,
                                                     int most) {
    ScoredSegment segment;
    const int index = blockIdx.z;
    segment.entry = static_cast<size_t>(index) * gridDim.y + blockIdx.y;
    segment.firstRow = segments[index];
    segment.rows = segments[index + 1] - segment.firstRow;
    segment.start = segments[segmentStride + index];
    segment.scored = segments[2 * segmentStride + index] != 0;
    segment.table = pageTable + spanPages[rowSpan[segment.firstRow]];
    segment.stride = stride;
    segment.strides = segment.rows / stride;
    segment.count = min(most, segment.strides);
    segment.columnsPerBlock = block / stride;
    segment.tileColumns = kColumns / segment.columnsPerBlock * segment.columnsPerBlock;
    segment.before = segment.start / block;
    return segment;
  }

  /** First of the rows, counted from the segment's first, that the i-th product row of a head stands for. */
  __device__ __forceinline__ int offset(int i) const {
    return static_cast<int>((2ll * i + 1) * strides / (2 * count)) * stride;
  }

  /** Columns that the i-th product row of a head sees. */
  __device__ __forceinline__ int seen(int i) const { return (start + offset(i)) / stride + 1; }

  /** Columns that some row of all heads sees. */
  __device__ __forceinline__ int columns() const { return seen(count - 1); }
};

/** What the products read. */
template <typename Act, typename Kv>
struct ProductSource {
  const Act* q;
  const Kv* keys;
  PagedKv kv;
  int group;
  int qStride;

  /** Where the last query of a product row's stride stands, which is the first of it to be read. */
  __device__ __forceinline__ size_t query(const ScoredSegment& segment, int row) const {
    const int head = blockIdx.y * group + row / segment.count;
    const int batchRow = segment.firstRow + segment.offset(row % segment.count) + segment.stride - 1;
    return static_cast<size_t>(batchRow) * qStride + static_cast<size_t>(head) * kv.headDim;
  }

  /** Where key `part` of a column stands. */
  __device__ __forceinline__ size_t key(const ScoredSegment& segment, int column, int part) const {
    const int position = column * segment.stride + part;
    return kv.token(segment.table[position / kv.pageSize], blockIdx.y, position % kv.pageSize);
  }
};

/** Two tiles in shared memory and their product on tensor cores. */
template <typename Act, typename Kv, int D>
struct TiledProducts {
  static constexpr int kThreads = 128;
  static constexpr int kRows = kProductRows;

  /**
   * Scores (not scaled) of rows from `row` on and columns [column, last); others are of zeros. Of strides of 1 a tile is
   * only loaded when it is a new one.
   */
  static __device__ __forceinline__ void of(FragmentC (&scores)[kColumns / 8], Kv* queries, Kv* keys,
                                            const ProductSource<Act, Kv>& source, const ScoredSegment& segment, int row,
                                            int rows, int column, int last, bool newRows, bool newColumns) {
    __shared__ size_t queryAt[kRows];
    __shared__ size_t keyAt[kColumns];
#pragma unroll
    for (int n = 0; n < kColumns / 8; n++) {
      scores[n] = FragmentC{};
    }
    for (int part = 0; part < segment.stride; part++) {
      const bool loadsQueries = newRows || segment.stride > 1;
      const bool loadsKeys = newColumns || segment.stride > 1;
      const int of = threadIdx.x;
      __syncthreads();  // the tiles and places before have been read
      if (of >= kColumns) {
        if (row + of - kColumns < rows && newRows && part == 0) {
          queryAt[of - kColumns] = source.query(segment, row + of - kColumns);
        }
      } else if (column + of < last) {
        keyAt[of] = source.key(segment, column + of, part);
      }
      __syncthreads();  // the places are there
      for (int i = threadIdx.x; loadsQueries && i < kRows * D / 8; i += kThreads) {
        const int at = i / (D / 8);
        const int channel = i % (D / 8) * 8;
        Pack<Kv, 8> narrow = {};
        if (row + at < rows) {
          float wide[8];
          loadEight(wide, source.q + queryAt[at] - static_cast<size_t>(part) * source.qStride + channel);
#pragma unroll
          for (int j = 0; j < 8; j++) {
            narrow.at[j] = fromFloat<Kv>(wide[j]);
          }
        }
        *reinterpret_cast<Pack<Kv, 8>*>(queries + at * kTileStride<D> + channel) = narrow;
      }
      for (int i = threadIdx.x; loadsKeys && i < kColumns * D / 8; i += kThreads) {
        const int at = i / (D / 8);
        const int channel = i % (D / 8) * 8;
        Pack<Kv, 8> key = {};
        if (column + at < last) {
          key = *reinterpret_cast<const Pack<Kv, 8>*>(source.keys + keyAt[at] + channel);
        }
        *reinterpret_cast<Pack<Kv, 8>*>(keys + at * kTileStride<D> + channel) = key;
      }
      __syncthreads();  // the tiles are there
      FragmentC products[kColumns / 8];
      tileScores<Kv, D, kColumns>(products, queries + threadIdx.x / kWarp * 16 * kTileStride<D>, keys);
#pragma unroll
      for (int n = 0; n < kColumns / 8; n++) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
          scores[n].at[i] += products[n].at[i];
        }
      }
    }
  }

  static __device__ __forceinline__ void sums(float* sums, const ProductSource<Act, Kv>& source,
                                              const ScoredSegment& segment, int chunks, int chunkTiles, int rowStride,
                                              float scaleLog2, float) {
    QUEST_DYNAMIC_SHARED(shared);
    Kv* queries = reinterpret_cast<Kv*>(shared);
    Kv* keys = queries + kRows * kTileStride<D>;
    const int rows = source.group * segment.count;
    const int chunk = blockIdx.x % chunks;
    const int row = static_cast<int>(blockIdx.x) / chunks * kRows;
    if (!segment.scored || row >= rows) {
      return;  // uniform over the block
    }
    const int lane = threadIdx.x % kWarp;
    const int mine = row + static_cast<int>(threadIdx.x) / kWarp * 16 + lane / 4;  // the lane's first row
    int seen[2];
#pragma unroll
    for (int i = 0; i < 2; i++) {
      seen[i] = mine + 8 * i < rows ? segment.seen((mine + 8 * i) % segment.count) : 0;
    }
    SoftmaxState state[2] = {SoftmaxState::empty(), SoftmaxState::empty()};
    const int columns = segment.columns();
    for (int tile = chunk * chunkTiles; tile < (chunk + 1) * chunkTiles; tile++) {
      const int column = tile * segment.tileColumns;
      if (column >= columns) {
        break;  // uniform over the block
      }
      const int last = min(columns, column + segment.tileColumns);
      FragmentC scores[kColumns / 8];
      of(scores, queries, keys, source, segment, row, rows, column, last, tile == chunk * chunkTiles, true);
#pragma unroll
      for (int i = 0; i < 2; i++) {
        const int end = min(last, seen[i]) - column - lane % 4 * 2;  // of the lane's columns
        float best = negativeInfinity();
#pragma unroll
        for (int n = 0; n < kColumns / 8; n++) {
#pragma unroll
          for (int j = 0; j < 2; j++) {
            float& score = scores[n].at[2 * i + j];
            score = n * 8 + j < end ? score * scaleLog2 : negativeInfinity();
            best = fmaxf(best, score);
          }
        }
        state[i].raise(reduceLanes<Max, 4>(best));
#pragma unroll
        for (int n = 0; n < kColumns / 8; n++) {
          state[i].sum += state[i].weight(scores[n].at[2 * i]) + state[i].weight(scores[n].at[2 * i + 1]);
        }
      }
    }
#pragma unroll
    for (int i = 0; i < 2; i++) {
      const float sum = reduceLanes<Sum, 4>(state[i].sum);
      if (lane % 4 == 0 && mine + 8 * i < rows) {
        float* target = sums + ((segment.entry * chunks + chunk) * rowStride + mine + 8 * i) * 2;
        target[0] = state[i].maximum;
        target[1] = sum;
      }
    }
  }

  static __device__ __forceinline__ void weights(float* scores, const float* logs, const ProductSource<Act, Kv>& source,
                                                 const ScoredSegment& segment, int rowStride, float scaleLog2, float) {
    QUEST_DYNAMIC_SHARED(shared);
    __shared__ float ofWarps[kThreads / kWarp][kColumns];
    Kv* queries = reinterpret_cast<Kv*>(shared);
    Kv* keys = queries + kRows * kTileStride<D>;
    const int rows = source.group * segment.count;
    const int column = static_cast<int>(blockIdx.x) * segment.tileColumns;
    const int blocks = segment.tileColumns / segment.columnsPerBlock;
    const int firstBlock = static_cast<int>(blockIdx.x) * blocks;
    if (!segment.scored || firstBlock >= segment.before) {
      return;  // uniform over the block
    }
    const int lane = threadIdx.x % kWarp;
    const int last = min(segment.columns(), column + segment.tileColumns);
    float weight[kColumns / 4] = {};  // of the lane's columns
    for (int row = 0; row < rows; row += kRows) {
      FragmentC products[kColumns / 8];
      of(products, queries, keys, source, segment, row, rows, column, last, true, row == 0);
#pragma unroll
      for (int i = 0; i < 2; i++) {
        const int mine = row + static_cast<int>(threadIdx.x) / kWarp * 16 + lane / 4 + 8 * i;
        if (mine < rows) {  // sees all columns of blocks before the segment
          const float log = logs[segment.entry * rowStride + mine];
#pragma unroll
          for (int n = 0; n < kColumns / 8; n++) {
#pragma unroll
            for (int j = 0; j < 2; j++) {
              weight[2 * n + j] += exp2Fast(fmaf(products[n].at[2 * i + j], scaleLog2, -log));
            }
          }
        }
      }
    }
#pragma unroll
    for (int n = 0; n < kColumns / 4; n++) {
#pragma unroll
      for (int distance = 4; distance < kWarp; distance *= 2) {
        weight[n] += __shfl_xor_sync(kAllLanes, weight[n], distance);
      }
      if (lane < 4) {
        ofWarps[threadIdx.x / kWarp][n / 2 * 8 + lane * 2 + n % 2] = weight[n];
      }
    }
    __syncthreads();  // all warps' weights are there
    const int block = threadIdx.x;
    if (block < blocks && firstBlock + block < segment.before) {
      float sum = 0.0f;
      for (int i = 0; i < segment.columnsPerBlock; i++) {
        for (int warp = 0; warp < kThreads / kWarp; warp++) {
          sum += ofWarps[warp][block * segment.columnsPerBlock + i];
        }
      }
      scores[firstBlock + block] = sum / rows;
    }
  }
};

/** A thread has a column; rows come one after the other. */
template <typename Act, typename Kv>
struct PlainProducts {
  static constexpr int kRows = 1;

  /** Of a row and a column, in base 2. */
  static __device__ __forceinline__ float of(const ProductSource<Act, Kv>& source, const ScoredSegment& segment, int row,
                                             int column, float scaleLog2, float cap) {
    float sum = 0.0f;
    for (int part = 0; part < segment.stride; part++) {
      const Act* q = source.q + source.query(segment, row) - static_cast<size_t>(part) * source.qStride;
      const Kv* key = source.keys + source.key(segment, column, part);
      for (int c = 0; c < source.kv.headDim; c += 8) {
        float wide[8];
        loadEight(wide, key + c);
#pragma unroll
        for (int j = 0; j < 8; j++) {
          sum = fmaf(toFloat(q[c + j]), wide[j], sum);  // a view of q need not be aligned
        }
      }
    }
    const float logit = sum * scaleLog2;
    return cap == 0.0f ? logit : cap * kLog2E * tanhf(logit / (cap * kLog2E));
  }

  static __device__ __forceinline__ void sums(float* sums, const ProductSource<Act, Kv>& source,
                                              const ScoredSegment& segment, int chunks, int chunkTiles, int rowStride,
                                              float scaleLog2, float cap) {
    const int rows = source.group * segment.count;
    const int chunk = blockIdx.x % chunks;
    const int row = static_cast<int>(blockIdx.x) / chunks;
    if (!segment.scored || row >= rows) {
      return;  // uniform over the block
    }
    const int from = chunk * chunkTiles * segment.tileColumns;
    const int to = min(segment.seen(row % segment.count), from + chunkTiles * segment.tileColumns);
    SoftmaxState mine = SoftmaxState::empty();
    for (int column = from + static_cast<int>(threadIdx.x); column < to; column += blockDim.x) {
      const float logit = of(source, segment, row, column, scaleLog2, cap);
      mine.raise(logit);
      mine.sum += mine.weight(logit);
    }
    SoftmaxState whole = {reduceBlock<Max>(mine.maximum), 0.0f};
    whole.sum = reduceBlock<Sum>(mine.sum * whole.weight(mine.maximum));
    if (threadIdx.x == 0) {
      float* target = sums + ((segment.entry * chunks + chunk) * rowStride + row) * 2;
      target[0] = whole.maximum;
      target[1] = whole.sum;
    }
  }

  static __device__ __forceinline__ void weights(float* scores, const float* logs, const ProductSource<Act, Kv>& source,
                                                 const ScoredSegment& segment, int rowStride, float scaleLog2, float cap) {
    __shared__ float ofColumns[kColumns];
    const int rows = source.group * segment.count;
    const int blocks = segment.tileColumns / segment.columnsPerBlock;
    const int firstBlock = static_cast<int>(blockIdx.x) * blocks;
    if (!segment.scored || firstBlock >= segment.before) {
      return;  // uniform over the block
    }
    const int own = threadIdx.x;
    const int column = static_cast<int>(blockIdx.x) * segment.tileColumns + own;
    float weight = 0.0f;
    if (own < segment.tileColumns && column < segment.before * segment.columnsPerBlock) {
      for (int row = 0; row < rows; row++) {
        weight += exp2Fast(of(source, segment, row, column, scaleLog2, cap) - logs[segment.entry * rowStride + row]);
      }
    }
    ofColumns[own] = weight;
    __syncthreads();  // all columns' weights are there
    if (own < blocks && firstBlock + own < segment.before) {
      float sum = 0.0f;
      for (int i = 0; i < segment.columnsPerBlock; i++) {
        sum += ofColumns[own * segment.columnsPerBlock + i];
      }
      scores[firstBlock + own] = sum / rows;
    }
  }
};

}  // namespace quest

#define SCORE_BLOCKS(act, Act, dtype, Kv, suffix, threads, blocks, ...)                                                \
  extern "C" __global__ void __launch_bounds__(threads, blocks) score_blocks_sums_##act##_##dtype##suffix(             \
      float* __restrict__ sums, const Act* __restrict__ q, const Kv* __restrict__ keys,                                \
      const int* __restrict__ segments, const int* __restrict__ rowSpan, const int* __restrict__ spanPages,            \
      const int* __restrict__ pageTable, int segmentStride, int block, int stride, int most, int chunks,               \
      int chunkTiles, int kvHeads, int headDim, int pageSize, int group, int rowStride, int qStride, float scale,      \
      float cap) {                                                                                                     \
    const quest::ScoredSegment segment =                                                                               \
        quest::ScoredSegment::of(segments, segmentStride, rowSpan, spanPages, pageTable, block, stride, most);         \
    quest::__VA_ARGS__::sums(                                                                                          \
        sums, quest::ProductSource<Act, Kv>{q, keys, quest::PagedKv{kvHeads, headDim, pageSize}, group, qStride},      \
        segment, chunks, chunkTiles, rowStride, scale / stride * quest::kLog2E, cap);                                  \
  }                                                                                                                    \
  extern "C" __global__ void __launch_bounds__(threads, blocks) score_blocks_weights_##act##_##dtype##suffix(          \
      float* __restrict__ scores, const float* __restrict__ logs, const Act* __restrict__ q,                           \
      const Kv* __restrict__ keys, const int* __restrict__ segments, const int* __restrict__ rowSpan,                  \
      const int* __restrict__ spanPages, const int* __restrict__ pageTable, int segmentStride, int block, int stride,  \
      int most, int kvHeads, int headDim, int pageSize, int group, int rowStride, int scoreStride, int qStride,        \
      float scale, float cap) {                                                                                        \
    const quest::ScoredSegment segment =                                                                               \
        quest::ScoredSegment::of(segments, segmentStride, rowSpan, spanPages, pageTable, block, stride, most);         \
    quest::__VA_ARGS__::weights(                                                                                       \
        scores + segment.entry * scoreStride, logs,                                                                    \
        quest::ProductSource<Act, Kv>{q, keys, quest::PagedKv{kvHeads, headDim, pageSize}, group, qStride}, segment,   \
        rowStride, scale / stride * quest::kLog2E, cap);                                                               \
  }

SCORE_BLOCKS(f32, float, f32, float, , 64, 8, PlainProducts<float, float>)
SCORE_BLOCKS(f32, float, bf16, bf16, , 64, 8, PlainProducts<float, bf16>)
SCORE_BLOCKS(f32, float, f16, f16, , 64, 8, PlainProducts<float, f16>)
SCORE_BLOCKS(bf16, bf16, bf16, bf16, , 64, 8, PlainProducts<bf16, bf16>)
SCORE_BLOCKS(bf16, bf16, f16, f16, , 64, 8, PlainProducts<bf16, f16>)
SCORE_BLOCKS(f32, float, bf16, bf16, _d64, 128, 3, TiledProducts<float, bf16, 64>)
SCORE_BLOCKS(f32, float, bf16, bf16, _d96, 128, 3, TiledProducts<float, bf16, 96>)
SCORE_BLOCKS(f32, float, bf16, bf16, _d128, 128, 3, TiledProducts<float, bf16, 128>)
SCORE_BLOCKS(f32, float, bf16, bf16, _d256, 128, 3, TiledProducts<float, bf16, 256>)
SCORE_BLOCKS(f32, float, f16, f16, _d64, 128, 3, TiledProducts<float, f16, 64>)
SCORE_BLOCKS(f32, float, f16, f16, _d96, 128, 3, TiledProducts<float, f16, 96>)
SCORE_BLOCKS(f32, float, f16, f16, _d128, 128, 3, TiledProducts<float, f16, 128>)
SCORE_BLOCKS(f32, float, f16, f16, _d256, 128, 3, TiledProducts<float, f16, 256>)
SCORE_BLOCKS(bf16, bf16, bf16, bf16, _d64, 128, 3, TiledProducts<bf16, bf16, 64>)
SCORE_BLOCKS(bf16, bf16, bf16, bf16, _d96, 128, 3, TiledProducts<bf16, bf16, 96>)
SCORE_BLOCKS(bf16, bf16, bf16, bf16, _d128, 128, 3, TiledProducts<bf16, bf16, 128>)
SCORE_BLOCKS(bf16, bf16, bf16, bf16, _d256, 128, 3, TiledProducts<bf16, bf16, 256>)
SCORE_BLOCKS(bf16, bf16, f16, f16, _d64, 128, 3, TiledProducts<bf16, f16, 64>)
SCORE_BLOCKS(bf16, bf16, f16, f16, _d96, 128, 3, TiledProducts<bf16, f16, 96>)
SCORE_BLOCKS(bf16, bf16, f16, f16, _d128, 128, 3, TiledProducts<bf16, f16, 128>)
SCORE_BLOCKS(bf16, bf16, f16, f16, _d256, 128, 3, TiledProducts<bf16, f16, 256>)
