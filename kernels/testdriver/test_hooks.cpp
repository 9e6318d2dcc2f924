// What the Java test class dev.questspark.engine.ops.cuda.TestDriver calls in this library: JNI functions with
// numbers only, so that no JDK header is needed. The first two arguments are the JNI environment and the class.
#include "driver.h"

using namespace testdriver;

#define HOOK(type, name, ...) \
  extern "C" __attribute__((visibility("default"))) type Java_dev_questspark_engine_ops_cuda_TestDriver_##name( \
      void*, void*, ##__VA_ARGS__)

/** Back to what the environment says; counters to zero. Contexts and memory stay. */
HOOK(void, reset) {
  Driver& d = driver();
  Guard guard(d.lock);
  d.faults = Faults::fromEnvironment();
  d.launches = 0;
  d.graphLaunches = 0;
}

HOOK(void, failLaunch, long long n) { driver().faults.failLaunch = driver().launches + n; }
HOOK(void, loseContextAfter, long long n) { driver().faults.stickyAfter = driver().launches + n; }
HOOK(void, memoryBytes, long long bytes) { driver().faults.memoryBytes = static_cast<size_t>(bytes); }
HOOK(void, devices, int count) { driver().faults.devices = count; }
HOOK(void, driverVersion, int version) { driver().faults.driverVersion = version; }
HOOK(void, eager, unsigned char eager) { driver().faults.eager = eager != 0; }
HOOK(void, races, unsigned char searched) { driver().faults.races = searched != 0; }
HOOK(void, threadOrder, int order) { driver().faults.order = static_cast<ThreadOrder>(order); }
HOOK(long long, launches) { return driver().launches; }
HOOK(long long, graphLaunches) { return driver().graphLaunches; }
HOOK(long long, outstandingAllocations) {
  Guard guard(driver().lock);
  return static_cast<long long>(driver().deviceMemory.outstandingCount() + driver().hostMemory.outstandingCount());
}

/** For tests of whole jobs, which have no TestDriver: launch calls of this process. */
extern "C" __attribute__((visibility("default"))) int questLaunches() {
  return static_cast<int>(driver().launches);
}

// What the stub of cuBLAS needs: work on a stream, and the memory behind a device address.

extern "C" __attribute__((visibility("default"))) int questQueue(void* streamHandle, void (*run)(const void*),
                                                                 const void* argument, size_t bytes) {
  Driver& d = driver();
  Guard guard(d.lock);
  Result ready = d.check();
  Stream* stream = ready == kSuccess ? d.stream(d.current(), streamHandle) : nullptr;
  if (stream == nullptr) {
    return ready == kSuccess ? kInvalidHandle : ready;
  }
  const unsigned char* first = static_cast<const unsigned char*>(argument);
  std::vector<unsigned char> copy(first, first + bytes);
  return d.enqueue(d.current(), stream, [run, copy] {
    run(copy.data());
    return kSuccess;
  });
}

extern "C" __attribute__((visibility("default"))) void* questDeviceMemory(DevicePointer pointer, size_t bytes) {
  Guard guard(driver().lock);
  return isDevice(pointer) && driver().deviceMemory.find(untagged(pointer), bytes) != nullptr ? untagged(pointer)
                                                                                              : nullptr;
}
