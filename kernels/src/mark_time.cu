// mark_time: notes when part `part` of a step starts, or adds to its sum the time since. A launch among the others, so that
// it stands where they do, in a replayed graph too: the host's clock sees only when launches were written down.
//
//   starts, sums (parts) nanoseconds of the device's clock
//
// Grid: one block of 32 threads.
#include "device_clock.cuh"

extern "C" __global__ void __launch_bounds__(32)
    mark_time(unsigned long long* __restrict__ starts, unsigned long long* __restrict__ sums, int part, int stop) {
  if (threadIdx.x == 0) {
    const unsigned long long now = quest::deviceNanos();
    if (stop != 0) {
      sums[part] += now - starts[part];
    } else {
      starts[part] = now;
    }
  }
}
