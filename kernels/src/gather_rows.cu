// gather_rows: out (logit rows, H) = x (R, H) at the batch's logitRows.
// Moves rows * H elements in and out.
// Grid: one block of 256 threads per logit row.
#include "vec.cuh"

namespace quest {

template <typename Act>
__device__ __forceinline__ void gatherRows(Act* out, const Act* x, const int* logitRows, int hidden, int outStride,
                                           int xStride) {
  copyRow(out + static_cast<size_t>(blockIdx.x) * outStride, x + static_cast<size_t>(logitRows[blockIdx.x]) * xStride,
          hidden);
}

}  // namespace quest

#define GATHER_ROWS(act, Act)                                                                                 \
  extern "C" __global__ void __launch_bounds__(256) gather_rows_##act(                                        \
      Act* __restrict__ out, const Act* __restrict__ x, const int* __restrict__ logitRows, int hidden,        \
      int outStride, int xStride) {                                                                           \
    quest::gatherRows(out, x, logitRows, hidden, outStride, xStride);                                         \
  }

GATHER_ROWS(f32, float)
GATHER_ROWS(bf16, bf16)
