#include "driver.h"

#include <cstdio>

namespace testdriver {
namespace {

thread_local int currentDevice = -1;

struct Name {
  int result;
  const char* name;
};

constexpr Name kNames[] = {
    {kSuccess, "CUDA_SUCCESS"},
    {kInvalidValue, "CUDA_ERROR_INVALID_VALUE"},
    {kOutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY"},
    {kNotInitialized, "CUDA_ERROR_NOT_INITIALIZED"},
    {kNoDevice, "CUDA_ERROR_NO_DEVICE"},
    {kInvalidDevice, "CUDA_ERROR_INVALID_DEVICE"},
    {kInvalidImage, "CUDA_ERROR_INVALID_IMAGE"},
    {kInvalidContext, "CUDA_ERROR_INVALID_CONTEXT"},
    {kUnsupportedPtxVersion, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION"},
    {kInvalidHandle, "CUDA_ERROR_INVALID_HANDLE"},
    {kNotFound, "CUDA_ERROR_NOT_FOUND"},
    {kNotReady, "CUDA_ERROR_NOT_READY"},
    {kIllegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS"},
    {kLaunchOutOfResources, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES"},
    {kMisalignedAddress, "CUDA_ERROR_MISALIGNED_ADDRESS"},
    {kLaunchFailed, "CUDA_ERROR_LAUNCH_FAILED"},
    {kCaptureUnsupported, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"},
    {kCaptureInvalidated, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"},
    {kCaptureImplicit, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT"},
};

}  // namespace

const char* nameOf(int result) {
  for (const Name& entry : kNames) {
    if (entry.result == result) {
      return entry.name;
    }
  }
  return nullptr;
}

Driver& driver() {
  static Driver* instance = new Driver();  // never destroyed: JVM threads may outlive static destructors
  return *instance;
}

Device* Driver::current() { return currentDevice < 0 ? nullptr : &devices[static_cast<size_t>(currentDevice)]; }

void Driver::makeCurrent(Device* device) { currentDevice = device == nullptr ? -1 : device->ordinal; }

Result Driver::fail(Result result, const std::string& why) {
  lastError = why;
  std::fprintf(stderr, "test driver: %s: %s\n", nameOf(result), why.c_str());
  return result;
}

Result Driver::check() {
  if (!initialized) {
    return fail(kNotInitialized, "cuInit was not called");
  }
  Device* device = current();
  if (device == nullptr || device->retained == 0) {
    return fail(kInvalidContext, "the calling thread has no current context");
  }
  return device->sticky;
}

Stream* Driver::stream(Device* device, void* handle) {
  if (handle == nullptr) {
    return &device->legacy;
  }
  for (const auto& known : device->streams) {
    if (known.get() == handle) {
      return known.get();
    }
  }
  return nullptr;
}

Result Driver::enqueue(Device* device, Stream* stream, Work work) {
  if (stream->capture != nullptr) {
    stream->capture->nodes.push_back(std::move(work));
    return kSuccess;
  }
  stream->queue.push_back(std::move(work));
  return faults.eager ? drain(device, stream) : kSuccess;
}

Result Driver::drain(Device* device, Stream* stream) {
  while (!stream->queue.empty() && device->sticky == kSuccess) {
    Work work = std::move(stream->queue.front());
    stream->queue.pop_front();
    Result result = work();
    if (result != kSuccess) {
      device->sticky = result;  // a fault on the device is the context's end
    }
  }
  return device->sticky;
}

Result Driver::drainAll(Device* device) {
  drain(device, &device->legacy);
  for (const auto& stream : device->streams) {
    drain(device, stream.get());
  }
  return device->sticky;
}

Result Driver::checkCanaries(Device* device) {
  std::string damage = deviceMemory.damage();
  if (damage.empty()) {
    damage = hostMemory.damage();
  }
  if (!damage.empty() && device->sticky == kSuccess) {
    device->sticky = fail(kIllegalAddress, damage);
  }
  return device->sticky;
}

bool Driver::capturing(const Device* device) const {
  for (const auto& stream : device->streams) {
    if (stream->capture != nullptr) {
      return true;
    }
  }
  return false;
}

void Driver::destroyContext(Device* device) {
  deviceMemory.releaseAll(device->ordinal);
  hostMemory.releaseAll(device->ordinal);
  device->streams.clear();
  device->legacy.queue.clear();
  device->sticky = kSuccess;
}

}  // namespace testdriver
