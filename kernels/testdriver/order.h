// What happened before what in a launch, as far as the kernel asks for it: a block barrier orders all accesses of the
// block before it and after it, a warpgroup's barrier those of its threads; __syncwarp those of its lanes; a fence, an atomic operation and a fence those of two
// blocks (PTX ISA, "Memory Consistency Model"). Shuffles, votes and tensor-core instructions order nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "fiber.h"

namespace testdriver {

constexpr int kLanes = 32;
constexpr uint16_t kSeveral = 0xffff;  // in place of a thread

/** Thread of the block that runs now. */
extern int currentThread;

/** A point of a thread's life: barriers passed by its block, and meetings and fences of its warp. */
struct Time {
  uint32_t barriers;
  uint32_t ticks;
};

inline bool operator<(Time a, Time b) { return a.barriers != b.barriers ? a.barriers < b.barriers : a.ticks < b.ticks; }
inline bool operator==(Time a, Time b) { return a.barriers == b.barriers && a.ticks == b.ticks; }

/** The block that runs now. Blocks are numbered over all launches, from 1. */
struct BlockOrder {
  uint32_t block;
  uint32_t firstOfGrid;
  uint32_t barriers;
  uint32_t ticks[kMaxThreads / kLanes];  // per warp
};
extern BlockOrder present;

inline Time now() { return {present.barriers, present.ticks[currentThread / kLanes]}; }

/** Whether an access of a thread of a block happened before what the current thread does next. */
bool happenedBefore(uint32_t block, int thread, Time time);

/** Whether a thread of this block has published what it wrote at `time` to the tensor cores (fence.proxy.async). */
bool hasPublished(int thread, Time time);

/** Whether the current thread drew the last ticket at `address`: the last of all atomic operations there. */
bool drewLast(uintptr_t address);

void orderGrid();
void orderBlock(int threads);

/** All threads of the block have met. */
void orderBarrier();

/** The four warps of a warpgroup have met. */
void orderWarpgroup(int group);

/** These lanes of a warp have met at __syncwarp. */
void orderWarp(int warp, unsigned lanes);

/** The current thread executes an atomic operation. */
void orderAtomic(uintptr_t address);

}  // namespace testdriver
