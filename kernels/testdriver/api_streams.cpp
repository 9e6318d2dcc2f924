// The exported CUDA driver functions that queue work: copies, launches, streams, events, graphs.
//
// Work runs when somebody waits for it (or when it is queued, if the test asks for that): both are schedules that a
// device may choose, and a missing wait or a staging buffer overwritten too early shows in one of them.
#include <algorithm>
#include <cstring>

#include "driver.h"

using namespace testdriver;

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

/** The real address behind a device range, or null if it is no device range. */
unsigned char* deviceRange(DevicePointer pointer, size_t bytes) {
  if (!isDevice(pointer) || driver().deviceMemory.find(untagged(pointer), bytes) == nullptr) {
    return nullptr;
  }
  return untagged(pointer);
}

Result copy(void* streamHandle, unsigned char* target, const unsigned char* source, size_t bytes, const void* pinned,
            const char* what) {
  Driver& d = driver();
  Result ready = d.check();
  if (ready != kSuccess) {
    return ready;
  }
  Stream* stream = d.stream(d.current(), streamHandle);
  if (stream == nullptr) {
    return kInvalidHandle;
  }
  if (target == nullptr || source == nullptr) {
    return d.fail(kInvalidValue, std::string(what) + ": a range outside every device allocation");
  }
  if (pinned != nullptr && d.hostMemory.find(static_cast<const unsigned char*>(pinned), bytes) == nullptr) {
    return d.fail(kInvalidValue, std::string(what) + ": asynchronous, but the host memory is not pinned");
  }
  return d.enqueue(d.current(), stream, [=] {
    std::memmove(target, source, bytes);
    return kSuccess;
  });
}

/** A synchronous copy is queued on the legacy stream after everything else, and waited for. */
Result waitedCopy(unsigned char* target, const unsigned char* source, size_t bytes, const char* what) {
  Driver& d = driver();
  Result ready = d.check();
  if (ready != kSuccess) {
    return ready;
  }
  if (d.capturing(d.current())) {
    return d.fail(kCaptureImplicit, std::string(what) + " while a stream is captured");
  }
  d.drainAll(d.current());
  Result queued = copy(nullptr, target, source, bytes, nullptr, what);
  return queued == kSuccess ? d.drain(d.current(), &d.current()->legacy) : queued;
}

Result fill(void* streamHandle, DevicePointer pointer, int pattern, size_t count, size_t unit) {
  Driver& d = driver();
  Result ready = d.check();
  if (ready != kSuccess) {
    return ready;
  }
  unsigned char* target = deviceRange(pointer, count * unit);
  Stream* stream = d.stream(d.current(), streamHandle);
  if (target == nullptr || stream == nullptr) {
    return d.fail(kInvalidValue, "memset outside every device allocation");
  }
  return d.enqueue(d.current(), stream, [=] {
    for (size_t i = 0; i < count; i++) {
      std::memcpy(target + i * unit, &pattern, unit);
    }
    return kSuccess;
  });
}

/** Copies the arguments, as the driver does at the call, and takes the tag off the pointers. */
Result packArguments(const Kernel& kernel, void** parameters, std::vector<uint64_t>& arguments) {
  for (int p = 0; p < kernel.parameters; p++) {
    uint64_t slot = 0;
    std::memcpy(&slot, parameters[p], kernel.bytes[p]);
    if (kernel.pointers[p] && slot != 0) {
      unsigned char* data = deviceRange(slot, 0);
      if (data == nullptr) {
        return driver().fail(kIllegalAddress, std::string(kernel.name) + ": argument " + std::to_string(p) +
                                                  " is not a device address");
      }
      slot = reinterpret_cast<uint64_t>(data);
    }
    arguments.push_back(slot);
  }
  return kSuccess;
}

Result run(const Kernel& kernel, const std::vector<uint64_t>& arguments, Dim3 grid, Dim3 block, size_t sharedBytes) {
  std::string message;
  switch (runGrid(kernel, arguments.data(), grid, block, sharedBytes, driver().faults.order, message)) {
    case GridResult::kIllegalAddress: return driver().fail(kIllegalAddress, message);
    case GridResult::kMisalignedAddress: return driver().fail(kMisalignedAddress, message);
    case GridResult::kLaunchFailed: return driver().fail(kLaunchFailed, message);
    default: return kSuccess;
  }
}

/** Counts a launch call and injects what the test asked for. */
Result countLaunch() {
  Driver& d = driver();
  d.launches++;
  if (d.launches == d.faults.failLaunch) {
    return d.fail(kLaunchOutOfResources, "injected into launch " + std::to_string(d.launches));
  }
  if (d.launches == d.faults.stickyAfter) {
    d.current()->sticky = d.fail(kIllegalAddress, "injected after launch " + std::to_string(d.launches));
  }
  return kSuccess;
}

}  // namespace

EXPORT int cuMemcpyHtoD_v2(DevicePointer target, const void* source, size_t bytes) {
  Guard guard(driver().lock);
  return waitedCopy(deviceRange(target, bytes), static_cast<const unsigned char*>(source), bytes, "cuMemcpyHtoD");
}

EXPORT int cuMemcpyDtoH_v2(void* target, DevicePointer source, size_t bytes) {
  Guard guard(driver().lock);
  return waitedCopy(static_cast<unsigned char*>(target), deviceRange(source, bytes), bytes, "cuMemcpyDtoH");
}

EXPORT int cuMemcpyHtoDAsync_v2(DevicePointer target, const void* source, size_t bytes, void* stream) {
  Guard guard(driver().lock);
  return copy(stream, deviceRange(target, bytes), static_cast<const unsigned char*>(source), bytes, source,
              "cuMemcpyHtoDAsync");
}

EXPORT int cuMemcpyDtoHAsync_v2(void* target, DevicePointer source, size_t bytes, void* stream) {
  Guard guard(driver().lock);
  return copy(stream, static_cast<unsigned char*>(target), deviceRange(source, bytes), bytes, target,
              "cuMemcpyDtoHAsync");
}

EXPORT int cuMemcpyDtoDAsync_v2(DevicePointer target, DevicePointer source, size_t bytes, void* stream) {
  Guard guard(driver().lock);
  return copy(stream, deviceRange(target, bytes), deviceRange(source, bytes), bytes, nullptr, "cuMemcpyDtoDAsync");
}

EXPORT int cuMemsetD8Async(DevicePointer target, unsigned char value, size_t count, void* stream) {
  Guard guard(driver().lock);
  return fill(stream, target, value, count, 1);
}

EXPORT int cuMemsetD32Async(DevicePointer target, unsigned value, size_t count, void* stream) {
  Guard guard(driver().lock);
  return fill(stream, target, static_cast<int>(value), count, 4);
}

EXPORT int cuLaunchKernel(void* function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                          unsigned blockY, unsigned blockZ, unsigned sharedBytes, void* streamHandle,
                          void** parameters, void**) {
  Driver& d = driver();
  Guard guard(d.lock);
  Result ready = d.check();
  if (ready != kSuccess) {
    return ready;
  }
  const Kernel& kernel = *static_cast<Kernel*>(function);
  Dim3 grid{gridX, gridY, gridZ}, block{blockX, blockY, blockZ};
  Stream* stream = d.stream(d.current(), streamHandle);
  if (stream == nullptr) {
    return kInvalidHandle;
  }
  // Limits of compute capability 9.0 (CUDA C++ programming guide, technical specifications). A kernel without warpgroups
  // runs on every GPU from 8.0 on, with the same launch: it may ask for no more than the smallest of them has.
  const size_t mostShared = std::strstr(kernel.name, "_wg") != nullptr ? kMaxSharedBytes : kSmallestSharedBytes;
  if (grid.count() == 0 || gridX > 2147483647u || gridY > 65535 || gridZ > 65535 || block.count() == 0 ||
      block.count() > kMaxThreads || blockZ > 64 || sharedBytes > mostShared) {
    return d.fail(kInvalidValue, std::string(kernel.name) + ": grid, block or shared memory beyond the device");
  }
  if (block.count() > static_cast<unsigned long long>(kernel.maxThreads)) {
    return d.fail(kLaunchOutOfResources, std::string(kernel.name) + ": more threads than its __launch_bounds__");
  }
  std::vector<uint64_t> arguments;
  Result packed = packArguments(kernel, parameters, arguments);
  if (packed != kSuccess) {
    return d.current()->sticky = packed;
  }
  Result injected = countLaunch();
  if (injected != kSuccess) {
    return injected;
  }
  return d.enqueue(d.current(), stream,
                   [=, &kernel] { return run(kernel, arguments, grid, block, sharedBytes); });
}

EXPORT int cuStreamCreate(void** stream, unsigned) {
  Driver& d = driver();
  Guard guard(d.lock);
  Result ready = d.check();
  if (ready != kSuccess) {
    return ready;
  }
  d.current()->streams.push_back(std::make_unique<Stream>());
  *stream = d.current()->streams.back().get();
  return kSuccess;
}

EXPORT int cuStreamDestroy_v2(void* handle) {
  Driver& d = driver();
  Guard guard(d.lock);
  Result ready = d.check();
  if (ready != kSuccess) {
    return ready;
  }
  Stream* stream = d.stream(d.current(), handle);
  if (stream == nullptr) {
    return kInvalidHandle;
  }
  Result drained = d.drain(d.current(), stream);
  auto& streams = d.current()->streams;
  streams.erase(std::remove_if(streams.begin(), streams.end(), [&](auto& s) { return s.get() == stream; }),
                streams.end());
  return drained;
}

EXPORT int cuStreamSynchronize(void* handle) {
  Driver& d = driver();
  Guard guard(d.lock);
  Result ready = d.check();
  if (ready != kSuccess) {
    return ready;
  }
  Stream* stream = d.stream(d.current(), handle);
  if (stream == nullptr) {
    return kInvalidHandle;
  }
  if (stream->capture != nullptr) {
    stream->captureBroken = true;
    return d.fail(kCaptureUnsupported, "cuStreamSynchronize of a captured stream");
  }
  d.drain(d.current(), stream);
  return d.checkCanaries(d.current());
}

EXPORT int cuStreamQuery(void* handle) {
  Driver& d = driver();
  Guard guard(d.lock);
  Result ready = d.check();
  if (ready != kSuccess) {
    return ready;
  }
  Stream* stream = d.stream(d.current(), handle);
  return stream == nullptr ? kInvalidHandle : stream->queue.empty() ? kSuccess : kNotReady;
}

EXPORT int cuEventCreate(void** event, unsigned) {
  Guard guard(driver().lock);
  *event = new Event();
  return driver().check();
}

EXPORT int cuEventDestroy_v2(void* event) {
  Guard guard(driver().lock);
  delete static_cast<Event*>(event);
  return driver().check();
}

EXPORT int cuEventRecord(void* handle, void* streamHandle) {
  Driver& d = driver();
  Guard guard(d.lock);
  Result ready = d.check();
  if (ready != kSuccess) {
    return ready;
  }
  Event* event = static_cast<Event*>(handle);
  event->stream = d.stream(d.current(), streamHandle);
  if (event->stream == nullptr) {
    return kInvalidHandle;
  }
  event->recorded = true;
  event->done = false;
  return d.enqueue(d.current(), event->stream, [event] {
    event->done = true;
    return kSuccess;
  });
}

EXPORT int cuEventQuery(void* handle) {
  Guard guard(driver().lock);
  Result ready = driver().check();
  return ready != kSuccess ? ready : static_cast<Event*>(handle)->done ? kSuccess : kNotReady;
}

EXPORT int cuEventSynchronize(void* handle) {
  Driver& d = driver();
  Guard guard(d.lock);
  Result ready = d.check();
  if (ready != kSuccess) {
    return ready;
  }
  Event* event = static_cast<Event*>(handle);
  return event->done ? kSuccess : d.drain(d.current(), event->stream);
}

EXPORT int cuStreamWaitEvent(void* streamHandle, void* handle, unsigned) {
  Driver& d = driver();
  Guard guard(d.lock);
  Result ready = d.check();
  if (ready != kSuccess) {
    return ready;
  }
  Device* device = d.current();
  Stream* stream = d.stream(device, streamHandle);
  Event* event = static_cast<Event*>(handle);
  if (stream == nullptr) {
    return kInvalidHandle;
  }
  return d.enqueue(device, stream, [=] { return event->done ? kSuccess : driver().drain(device, event->stream); });
}

EXPORT int cuStreamBeginCapture_v2(void* handle, int) {
  Driver& d = driver();
  Guard guard(d.lock);
  Result ready = d.check();
  if (ready != kSuccess) {
    return ready;
  }
  Stream* stream = handle == nullptr ? nullptr : d.stream(d.current(), handle);
  if (stream == nullptr || stream->capture != nullptr) {
    return d.fail(kCaptureUnsupported, "the legacy stream, or one that is already captured, cannot be captured");
  }
  stream->capture = std::make_unique<Graph>();
  stream->captureBroken = false;
  return kSuccess;
}

EXPORT int cuStreamEndCapture(void* handle, void** graph) {
  Driver& d = driver();
  Guard guard(d.lock);
  Result ready = d.check();
  if (ready != kSuccess) {
    return ready;
  }
  Stream* stream = d.stream(d.current(), handle);
  if (stream == nullptr || stream->capture == nullptr) {
    return kInvalidHandle;
  }
  std::unique_ptr<Graph> captured = std::move(stream->capture);
  if (stream->captureBroken) {
    *graph = nullptr;
    return kCaptureInvalidated;
  }
  *graph = captured.release();
  return kSuccess;
}

EXPORT int cuGraphInstantiateWithFlags(void** executable, void* graph, unsigned long long) {
  Guard guard(driver().lock);
  Result ready = driver().check();
  if (ready != kSuccess) {
    return ready;
  }
  *executable = new Graph(*static_cast<Graph*>(graph));
  return kSuccess;
}

EXPORT int cuGraphDestroy(void* graph) {
  Guard guard(driver().lock);
  delete static_cast<Graph*>(graph);
  return kSuccess;
}

EXPORT int cuGraphExecDestroy(void* executable) { return cuGraphDestroy(executable); }

EXPORT int cuGraphLaunch(void* executable, void* handle) {
  Driver& d = driver();
  Guard guard(d.lock);
  Result ready = d.check();
  if (ready != kSuccess) {
    return ready;
  }
  Stream* stream = d.stream(d.current(), handle);
  if (stream == nullptr) {
    return kInvalidHandle;
  }
  Result injected = countLaunch();
  if (injected != kSuccess) {
    return injected;
  }
  d.graphLaunches++;
  for (const Work& node : static_cast<Graph*>(executable)->nodes) {
    Result queued = d.enqueue(d.current(), stream, node);
    if (queued != kSuccess) {
      return queued;
    }
  }
  return kSuccess;
}
