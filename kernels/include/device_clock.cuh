// The device's own clock, in nanoseconds.
#pragma once

#ifdef QUEST_PORTABLE
#include <time.h>
#endif

namespace quest {

__device__ __forceinline__ unsigned long long deviceNanos() {
#ifdef QUEST_PORTABLE
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<unsigned long long>(now.tv_sec) * 1000000000ull + static_cast<unsigned long long>(now.tv_nsec);
#else
  unsigned long long nanos;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(nanos));
  return nanos;
#endif
}

}  // namespace quest
