// What a thread starts and later waits for: copies to shared memory (cp.async) and products of a warpgroup's tensor
// cores (wgmma). They are done as late as the kernel allows, when their thread waits for them; until then the target
// of a copy holds NaN, and a product's sums stay as they were. So a missing wait gives a wrong result on every run.
#pragma once

namespace testdriver {

/** At a thread's start: what its predecessor in a launch that failed has left is forgotten. */
void forgetWork();

/** Whether the current thread has started something that it has not waited for. */
bool workUnderWay();

}  // namespace testdriver
