// attend_pages: attention of each row over its listed units, softmax(scale * q.k) v over the visible positions. A unit is
// a page, a part of one or a single token. Dense decode is the same kernel with everything listed.
//
//   out (R, Hq * D)   logSumExp (R, Hq)   counters (R, 3): [digest blocks scored, units attended, tokens attended]
//   q (R, Hq * D)   keys, values (page, Hkv, slot, D)   list (rows * Hkv, maxEntries) ascending   listCount (rows * Hkv)
//   workspace per (row, KV head, tile of heads): partOut (64, min(G, 16), D), partState (64, min(G, 16), 2), ticket (1)
//
// Moves 2 * D elements per listed token and KV head, once for all G query heads (up to 16 in one block), plus the parts
// of at most 64 splits. An H100 SM gets 15 bytes per cycle; a tile of 16 tokens at D = 128 is 8 KB, 546 cycles, and
// costs 32 + 32 tensor-core instructions whatever G is, so the kernel is bound by memory: 3 blocks of 4 warps, each
// warp with one 8 KB tile under way while it works on another, keep 100 KB in flight per SM against about 20 KB needed.
// A tile of 16 tokens is one run of memory where units are multiples of 16 tokens, two runs in units of 8, sixteen in
// single tokens (flash_run.cuh): the bytes are the same, and each further run costs its own look-up.
// Grid: (splits, Hkv * ceil(G / 16), rows) blocks, splits >= min(64, ceil(tokens of the longest list's run / 256)).
//   ..._d<D>  bf16 and f16 caches, pages of a multiple of 16 tokens: 128 threads (64 at D = 256), each warp takes a run
//             of the split's tokens; dynamic shared memory 64 * (D + 8) * 2 * warps + 32 * (D + 8) bytes.
//   no suffix  any D that is a multiple of 8, any page size, for float caches and small heads: 128 threads;
//             dynamic shared memory 2048 + min(G, 16) * (1024 + 8 * D + 16) bytes. Splits and merge are the same.
#include "flash_run.cuh"
#include "plain_attention.cuh"
#include "shared_memory.cuh"
#include "split_merge.cuh"

namespace quest {

/** What every block of this op is about. */
template <typename Act>
struct AttendBlock {
  const Act* q;  // (heads, D) of this block
  AttentionOut<Act> target;
  Partials partials;
  size_t entry;
  ListedTokens listed;
  ListSplit cut;
  int heads;
  unsigned long long* counters;  // of the row, if this block is the one of its KV head that counts; else null
};

template <typename Act>
__device__ __forceinline__ AttendBlock<Act> attendBlock(Act* out, float* logSumExp, unsigned long long* counters,
                                                        const Partials& workspace, const Act* q, const int* list,
                                                        const int* listCount, const RowPages& row, const PagedKv& kv,
                                                        int fromRow, int group, int maxEntries, int qStride,
                                                        int outStride, int lseStride) {
  const int headTiles = ceilDiv(group, kHeadsPerBlock);
  const int kvHead = blockIdx.y / headTiles;
  const int tileHead = blockIdx.y % headTiles * kHeadsPerBlock;
  const size_t batchRow = fromRow + blockIdx.z;
  const int head = kvHead * group + tileHead;
  const size_t listEntry = static_cast<size_t>(blockIdx.z) * kv.kvHeads + kvHead;
  AttendBlock<Act> block = {};
  block.heads = group - tileHead < kHeadsPerBlock ? group - tileHead : kHeadsPerBlock;
  block.q = q + batchRow * qStride + static_cast<size_t>(head) * kv.headDim;
  block.target = {out + batchRow * outStride + static_cast<size_t>(head) * kv.headDim,
                  logSumExp + batchRow * lseStride + head};
  block.partials = workspace;
  block.partials.heads = block.heads;
  block.entry = static_cast<size_t>(blockIdx.z) * gridDim.y + blockIdx.y;
  block.listed = ListedTokens::of(list + listEntry * maxEntries, listCount[listEntry], row, kv, kvHead);
  block.cut = ListSplit::of(block.listed.tokens());
  block.counters = blockIdx.x == 0 && tileHead == 0 ? counters + batchRow * 3 : nullptr;
  return block;
}

/** Adds what the row's KV head reads to the counters. */
template <typename Act>
__device__ __forceinline__ void countReads(const AttendBlock<Act>& block) {
  if (block.counters != nullptr && threadIdx.x == 0) {
    atomicAdd(&block.counters[1], static_cast<unsigned long long>(block.listed.units));
    atomicAdd(&block.counters[2], static_cast<unsigned long long>(block.listed.visibleTokens()));
  }
}

template <typename Act, typename Kv>
__device__ __forceinline__ void attendPagesPlain(const AttendBlock<Act>& block, const Kv* keys, const Kv* values,
                                                 float scale, float cap) {
  QUEST_DYNAMIC_SHARED(shared);
  const int headDim = block.listed.kv.headDim;
  const PlainShared layout = PlainShared::over(shared, block.heads, headDim);
  const int from = blockIdx.x * block.cut.tokensPerSplit;
  const int tokens = block.listed.tokens();
  const int to = tokens - from < block.cut.tokensPerSplit ? tokens : from + block.cut.tokensPerSplit;
  countReads(block);
  plainAttention(layout, block.q, keys, values, block.listed, from, to, block.heads, headDim, scale, cap);
  finishSplit(block.target, block.partials, block.entry, blockIdx.x, block.cut.splits, layout.out, headDim,
              layout.state, layout.weights);
}

template <typename Act, typename Kv, int D, int Warps>
__device__ __forceinline__ void attendPagesTiled(const AttendBlock<Act>& block, const Kv* keys, const Kv* values,
                                                 float scale, float) {  // without a cap
  QUEST_DYNAMIC_SHARED(shared);
  __shared__ SoftmaxState perWarp[Warps * kHeadsPerBlock];
  __shared__ SoftmaxState joined[kHeadsPerBlock];
  constexpr int kWarpElements = kStages * 2 * kWarpTile * kTileStride<D>;
  Kv* stages = reinterpret_cast<Kv*>(shared);
  Kv* q = stages + Warps * kWarpElements;
  const int warp = threadIdx.x / kWarp;
  const int perRun = block.cut.tokensPerSplit / Warps;
  const int from = blockIdx.x * block.cut.tokensPerSplit + warp * perRun;
  const int tokens = block.listed.tokens();
  FlashRun<Kv, D> run(stages + warp * kWarpElements, keys, values, block.listed, from,
                      tokens - from < perRun ? tokens : from + perRun);
  countReads(block);  // its loads wait while the first tiles are under way
#pragma unroll
  for (int from = 0; from < kHeadsPerBlock * D / 8; from += Warps * kWarp) {
    const int chunk = from + threadIdx.x;
    const int head = chunk / (D / 8);
    Pack<Kv, 8> narrow = {};
    if (head < block.heads) {
#pragma unroll
      for (int i = 0; i < 8; i++) {
        narrow.at[i] = fromFloat<Kv>(toFloat(block.q[chunk * 8 + i]));  // one by one: a view may start anywhere
      }
    }
    if (kHeadsPerBlock * D / 8 % (Warps * kWarp) == 0 || head < kHeadsPerBlock) {  // D = 96 leaves threads over
      *reinterpret_cast<Pack<Kv, 8>*>(q + head * kTileStride<D> + chunk % (D / 8) * 8) = narrow;
    }
  }
  __syncthreads();  // the queries are complete before any warp multiplies with them
  FlashRows<Kv, D> rows;
  run.attend(rows, q, scale);
  __syncthreads();  // all warps are done with their tiles before the outputs take that memory
  float* out = reinterpret_cast<float*>(shared);
  float* weights = out + Warps * kHeadsPerBlock * D;  // 4 KB of what is left of the tiles' memory
  static_assert(Warps * kHeadsPerBlock * D * 4 + kHeadsPerBlock * kMaxSplits * 4 <= Warps * kWarpElements * 2,
                "the outputs and the merge weights fit where the tiles were");
  joinWarps<Kv, D, Warps>(out, joined, perWarp, rows, block.heads);
  finishSplit(block.target, block.partials, block.entry, blockIdx.x, block.cut.splits, out, D, joined, weights);
}

}  // namespace quest

#define ATTEND_PAGES(act, Act, dtype, Kv, suffix, threads, blocks, ...)                                           \
  extern "C" __global__ void __launch_bounds__(threads, blocks) attend_pages_##act##_##dtype##suffix(             \
      Act* __restrict__ out, float* __restrict__ logSumExp, unsigned long long* __restrict__ counters,            \
      float* partOut, float* partState, int* tickets, const Act* __restrict__ q, const Kv* __restrict__ keys,     \
      const Kv* __restrict__ values, const int* __restrict__ list, const int* __restrict__ listCount,             \
      const int* __restrict__ positions, const int* __restrict__ rowSpan, const int* __restrict__ spanPages,      \
      const int* __restrict__ pageTable, int fromRow, int kvHeads, int headDim, int pageSize, int unit,           \
      int group, int window, int maxEntries, int qStride, int outStride, int lseStride, float scale, float cap) {   \
    const quest::RowPages row = quest::RowPages::of(fromRow + blockIdx.z, positions, rowSpan, spanPages,          \
                                                    pageTable, unit, window);                                     \
    const int slots = group < quest::kHeadsPerBlock ? group : quest::kHeadsPerBlock;                              \
    const quest::Partials workspace = {partOut, reinterpret_cast<quest::SoftmaxState*>(partState), tickets,       \
                                       slots,   0, headDim};                                                      \
    const quest::AttendBlock<Act> block = quest::attendBlock(                                                     \
        out, logSumExp, counters, workspace, q, list, listCount, row,                                             \
        quest::PagedKv{kvHeads, headDim, pageSize}, fromRow, group, maxEntries, qStride, outStride, lseStride);     \
    if (static_cast<int>(blockIdx.x) < block.cut.splits) { /* uniform over the block */                           \
      quest::__VA_ARGS__(block, keys, values, scale, cap);                                                        \
    }                                                                                                             \
  }

ATTEND_PAGES(f32, float, f32, float, , 128, 4, attendPagesPlain)
ATTEND_PAGES(f32, float, bf16, bf16, , 128, 4, attendPagesPlain)
ATTEND_PAGES(f32, float, f16, f16, , 128, 4, attendPagesPlain)
ATTEND_PAGES(bf16, bf16, bf16, bf16, , 128, 4, attendPagesPlain)
ATTEND_PAGES(bf16, bf16, f16, f16, , 128, 4, attendPagesPlain)
ATTEND_PAGES(f32, float, bf16, bf16, _d64, 128, 4, attendPagesTiled<float, bf16, 64, 4>)
ATTEND_PAGES(f32, float, bf16, bf16, _d96, 128, 3, attendPagesTiled<float, bf16, 96, 4>)
ATTEND_PAGES(f32, float, bf16, bf16, _d128, 128, 3, attendPagesTiled<float, bf16, 128, 4>)
ATTEND_PAGES(f32, float, bf16, bf16, _d256, 64, 3, attendPagesTiled<float, bf16, 256, 2>)
ATTEND_PAGES(f32, float, f16, f16, _d64, 128, 4, attendPagesTiled<float, f16, 64, 4>)
ATTEND_PAGES(f32, float, f16, f16, _d96, 128, 3, attendPagesTiled<float, f16, 96, 4>)
ATTEND_PAGES(f32, float, f16, f16, _d128, 128, 3, attendPagesTiled<float, f16, 128, 4>)
ATTEND_PAGES(f32, float, f16, f16, _d256, 64, 3, attendPagesTiled<float, f16, 256, 2>)
ATTEND_PAGES(bf16, bf16, bf16, bf16, _d64, 128, 4, attendPagesTiled<bf16, bf16, 64, 4>)
ATTEND_PAGES(bf16, bf16, bf16, bf16, _d96, 128, 3, attendPagesTiled<bf16, bf16, 96, 4>)
ATTEND_PAGES(bf16, bf16, bf16, bf16, _d128, 128, 3, attendPagesTiled<bf16, bf16, 128, 4>)
ATTEND_PAGES(bf16, bf16, bf16, bf16, _d256, 64, 3, attendPagesTiled<bf16, bf16, 256, 2>)
ATTEND_PAGES(bf16, bf16, f16, f16, _d64, 128, 4, attendPagesTiled<bf16, f16, 64, 4>)
ATTEND_PAGES(bf16, bf16, f16, f16, _d96, 128, 3, attendPagesTiled<bf16, f16, 96, 4>)
ATTEND_PAGES(bf16, bf16, f16, f16, _d128, 128, 3, attendPagesTiled<bf16, f16, 128, 4>)
ATTEND_PAGES(bf16, bf16, f16, f16, _d256, 64, 3, attendPagesTiled<bf16, f16, 256, 2>)
