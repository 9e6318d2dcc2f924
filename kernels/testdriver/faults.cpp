#include "faults.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace testdriver {
namespace {

long number(const char* name, long otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtol(value, nullptr, 10);
}

}  // namespace

Faults Faults::fromEnvironment() {
  Faults faults;
  faults.failLaunch = number("QUEST_TESTDRIVER_FAIL_LAUNCH", 0);
  faults.stickyAfter = number("QUEST_TESTDRIVER_STICKY_AFTER", 0);
  faults.memoryBytes =
      static_cast<size_t>(number("QUEST_TESTDRIVER_MEMORY_BYTES", static_cast<long>(faults.memoryBytes)));
  faults.devices = static_cast<int>(number("QUEST_TESTDRIVER_DEVICES", 1));
  faults.driverVersion = static_cast<int>(number("QUEST_TESTDRIVER_DRIVER_VERSION", faults.driverVersion));
  faults.eager = number("QUEST_TESTDRIVER_EAGER", 0) != 0;
  faults.races = number("QUEST_TESTDRIVER_RACES", 1) != 0;
  const char* order = std::getenv("QUEST_TESTDRIVER_ORDER");
  if (order != nullptr && std::strcmp(order, "reverse") == 0) {
    faults.order = ThreadOrder::kReverse;
  } else if (order != nullptr && std::strcmp(order, "shuffled") == 0) {
    faults.order = ThreadOrder::kShuffled;
  }
  return faults;
}

}  // namespace testdriver
