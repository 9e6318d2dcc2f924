// Integers in the order of floats, for selection by their bits.
#pragma once

#include "vec.cuh"

namespace quest {

/** Maps floats to unsigned integers of the same order; -0 and +0 to the same one, NaN below all. */
__device__ __forceinline__ unsigned orderedBits(float score) {
  if (score != score) {
    return 0u;  // -inf is 0x007fffff
  }
  const unsigned bits = bitsOfFloat(score + 0.0f);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

}  // namespace quest
