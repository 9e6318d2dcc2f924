// Runs a grid: block after block, each thread a fiber with a stack of its own.
#pragma once

#include <string>

#include "kernel_table.h"

namespace testdriver {

struct Dim3 {
  unsigned x, y, z;
  unsigned long long count() const { return 1ull * x * y * z; }
};

/** In which order runnable threads of a block get their turn: what is not synchronised shows in one of them. */
enum class ThreadOrder { kForward, kReverse, kShuffled };

enum class GridResult { kDone, kIllegalAddress, kMisalignedAddress, kLaunchFailed };

constexpr size_t kMaxThreads = 1024;
constexpr size_t kMaxSharedBytes = 232448;  // what an H100 block may ask for
constexpr size_t kSmallestSharedBytes = 101376;  // and one of compute capability 8.6, 8.9 and 12.0

/** Runs the whole grid; `message` says what went wrong and where. Single-threaded: the caller holds the driver lock. */
GridResult runGrid(const Kernel& kernel, const uint64_t* arguments, Dim3 grid, Dim3 block, size_t sharedBytes,
                   ThreadOrder order, std::string& message);

}  // namespace testdriver
