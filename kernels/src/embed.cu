// embed: out (R, H) = table (vocabulary, H) at each row's token id.
// Moves R * H elements in and out.
// Grid: one block of 256 threads per row.
#include "vec.cuh"

namespace quest {

template <typename Act, typename Weight>
__device__ __forceinline__ void embed(Act* out, const int* tokens, const Weight* table, int hidden, int outStride,
                                      int tableStride) {
  const size_t row = blockIdx.x;
  copyRow(out + row * outStride, table + static_cast<size_t>(tokens[row]) * tableStride, hidden);
}

}  // namespace quest

#define EMBED(act, Act, weight, Weight)                                                                       \
  extern "C" __global__ void __launch_bounds__(256) embed_##act##_##weight(                                   \
      Act* __restrict__ out, const int* __restrict__ tokens, const Weight* __restrict__ table, int hidden,    \
      int outStride, int tableStride) {                                                                       \
    quest::embed(out, tokens, table, hidden, outStride, tableStride);                                         \
  }

EMBED(f32, float, f32, float)
EMBED(f32, float, bf16, bf16)
EMBED(f32, float, f16, f16)
EMBED(bf16, bf16, f32, float)
EMBED(bf16, bf16, bf16, bf16)
