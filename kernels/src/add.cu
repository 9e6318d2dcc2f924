// add: x += y, both (R, H): the residual connection.
// Moves 3 * R * H elements (two in, one out).
// Grid: (ceil(H / 2048), R) blocks of 256 threads, eight channels a thread.
#include "vec.cuh"

namespace quest {

constexpr int kAddPerThread = 8;

template <typename Act>
__device__ __forceinline__ void add(Act* x, const Act* y, int hidden, int xStride, int yStride) {
  const int first = (blockIdx.x * blockDim.x + threadIdx.x) * kAddPerThread;
  Act* target = x + static_cast<size_t>(blockIdx.y) * xStride;
  const Act* source = y + static_cast<size_t>(blockIdx.y) * yStride;
  if (packable(x, hidden, xStride) && packable(y, hidden, yStride)) {
#pragma unroll
    for (int c = first; c < first + kAddPerThread; c += kPack<Act>) {
      if (c < hidden) {
        Pack128<Act> sum = loadPack(target + c);
        const Pack128<Act> term = loadPack(source + c);
#pragma unroll
        for (int i = 0; i < kPack<Act>; i++) {
          sum.at[i] = fromFloat<Act>(toFloat(sum.at[i]) + toFloat(term.at[i]));
        }
        storePack(target + c, sum);
      }
    }
  } else {  // an odd width or a view that starts off a 16-byte boundary
    for (int c = first; c < first + kAddPerThread && c < hidden; c++) {
      target[c] = fromFloat<Act>(toFloat(target[c]) + toFloat(source[c]));
    }
  }
}

}  // namespace quest

#define ADD(act, Act)                                                                                         \
  extern "C" __global__ void __launch_bounds__(256) add_##act(                                                \
      Act* __restrict__ x, const Act* __restrict__ y, int hidden, int xStride, int yStride) {                 \
    quest::add(x, y, hidden, xStride, yStride);                                                               \
  }

ADD(f32, float)
ADD(bf16, bf16)
