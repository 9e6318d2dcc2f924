// The ops that replace every number of x (R, C) by a function of it.
// Moves 2 * R * C elements.
// Grid: (ceil(C / 2048), R) blocks of 256 threads, eight channels a thread.
#pragma once

#include "vec.cuh"

namespace quest {

constexpr int kInPlacePerThread = 8;

/** `bend(value, c)` gives what stands at channel c afterwards. */
template <typename Act, typename Bend>
__device__ __forceinline__ void replaceEach(Act* x, int channels, int stride, const Bend& bend) {
  const int first = (blockIdx.x * blockDim.x + threadIdx.x) * kInPlacePerThread;
  Act* row = x + static_cast<size_t>(blockIdx.y) * stride;
  if (packable(x, channels, stride)) {
#pragma unroll
    for (int c = first; c < first + kInPlacePerThread; c += kPack<Act>) {
      if (c < channels) {
        Pack128<Act> values = loadPack(row + c);
#pragma unroll
        for (int i = 0; i < kPack<Act>; i++) {
          values.at[i] = fromFloat<Act>(bend.of(toFloat(values.at[i]), c + i));
        }
        storePack(row + c, values);
      }
    }
  } else {  // an odd width or a view that starts off a 16-byte boundary
    for (int c = first; c < first + kInPlacePerThread && c < channels; c++) {
      row[c] = fromFloat<Act>(bend.of(toFloat(row[c]), c));
    }
  }
}

}  // namespace quest
