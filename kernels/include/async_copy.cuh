// Copies from device memory to shared memory that run while the thread computes (cp.async, sm_80 and newer).
// The portable twin copies when the thread waits.
#pragma once

#include "vec.cuh"

namespace quest {

/**
 * Starts a copy of 16 bytes, both addresses aligned to 16; writes zeros (and reads nothing) where `present` is false.
 * Bypasses L1: these bytes are read once per block.
 */
__device__ __forceinline__ void copyAsync(void* shared, const void* global, bool present) {
#ifdef QUEST_PORTABLE
  testdriver::startCopy(shared, global, present);
#else
  const unsigned target = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  const int bytes = present ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(target), "l"(global), "r"(bytes) : "memory");
#endif
}

/** Closes the group of copies that this thread has started since the last call; groups may be empty. */
__device__ __forceinline__ void commitCopies() {
#ifdef QUEST_PORTABLE
  testdriver::commitCopies();
#else
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

/**
 * Waits until at most `Newest` of this thread's groups are under way. Other threads' copies need a barrier after it.
 */
template <int Newest>
__device__ __forceinline__ void waitCopies() {
#ifdef QUEST_PORTABLE
  testdriver::waitCopies(Newest);
#else
  asm volatile("cp.async.wait_group %0;" ::"n"(Newest) : "memory");
#endif
}

}  // namespace quest
