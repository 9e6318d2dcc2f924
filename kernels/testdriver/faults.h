// What a test asks the driver to do wrong, by environment variable or by a native method of the test's TestDriver.
#pragma once

#include <cstddef>

#include "fiber.h"

namespace testdriver {

struct Faults {
  long failLaunch = 0;       // QUEST_TESTDRIVER_FAIL_LAUNCH=n: the n-th launch call is refused; 0 never
  long stickyAfter = 0;      // QUEST_TESTDRIVER_STICKY_AFTER=n: after n launch calls the context is lost; 0 never
  size_t memoryBytes = 512u << 20;  // QUEST_TESTDRIVER_MEMORY_BYTES: memory of each device
  int devices = 1;           // QUEST_TESTDRIVER_DEVICES
  int driverVersion = 13000; // QUEST_TESTDRIVER_DRIVER_VERSION: 1000 * major + 10 * minor
  bool eager = false;        // QUEST_TESTDRIVER_EAGER=1: work runs when it is queued, not when it is waited for
  bool races = true;         // QUEST_TESTDRIVER_RACES=0: launches are not searched for races
  ThreadOrder order = ThreadOrder::kForward;  // QUEST_TESTDRIVER_ORDER=forward|reverse|shuffled

  static Faults fromEnvironment();
};

}  // namespace testdriver
