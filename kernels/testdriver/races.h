// Finds data races of a launch: two threads touch the same bytes, one of them writes, and nothing orders the two
// (order.h). Threads run one after the other here, so a race need not show in the result; what is checked is the order
// that the kernel asks for. Every access of a kernel comes by way of GCC's -fsanitize=thread, whose calls are answered
// here.
#pragma once

#include <cstddef>

namespace testdriver {

/**
 * Work of one launch is over before the next begins: no race is looked for between them. Accesses past the launch's
 * dynamic shared memory are failures.
 */
void racesOfGrid(size_t sharedBytes);

/** Memory where no race is looked for: the threads' stacks. */
void exemptFromRaces(const void* from, size_t bytes);

/** A copy to shared memory starts, or has landed: until then nobody may touch the target. */
void checkCopyStart(const void* target, size_t bytes);
void checkCopyEnd(const void* target, size_t bytes);

}  // namespace testdriver
