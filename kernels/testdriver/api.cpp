// The exported CUDA driver functions: devices, contexts, modules, memory. Streams and graphs are in api_streams.cpp.
// Only what engine.ops.cuda calls is here; JCuda binds lazily, so any other call ends with the dynamic linker naming
// the missing function.
#include <cstdio>
#include <cstring>

#include "driver.h"

using namespace testdriver;

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

constexpr unsigned kFatbinMagic = 0xba55ed50;
constexpr char kMarker[] = "quest-testdriver";

Result freeOf(Memory& memory, unsigned char* data, const char* what) {
  Driver& d = driver();
  Device* device = d.current();
  d.drainAll(device);
  Result canaries = d.checkCanaries(device);
  if (!memory.release(data)) {
    return d.fail(kInvalidValue, std::string(what) + " of an address that was not allocated");
  }
  return canaries;
}

}  // namespace

EXPORT int cuInit(unsigned) {
  Driver& d = driver();
  Guard guard(d.lock);
  for (int i = 0; i < kMaxDevices; i++) {
    d.devices[static_cast<size_t>(i)].ordinal = i;
  }
  if (d.faults.devices == 0) {
    return kNoDevice;
  }
  d.initialized = true;
  return kSuccess;
}

EXPORT int cuDriverGetVersion(int* version) {
  *version = driver().faults.driverVersion;
  return kSuccess;
}

EXPORT int cuGetErrorName(int result, const char** name) {
  *name = nameOf(result);
  return *name == nullptr ? kInvalidValue : kSuccess;
}

EXPORT int cuGetErrorString(int result, const char** text) { return cuGetErrorName(result, text); }

EXPORT int cuDeviceGetCount(int* count) {
  Driver& d = driver();
  Guard guard(d.lock);
  if (!d.initialized) {
    return kNotInitialized;
  }
  *count = d.faults.devices;
  return kSuccess;
}

EXPORT int cuDeviceGet(int* device, int ordinal) {
  Driver& d = driver();
  Guard guard(d.lock);
  if (ordinal < 0 || ordinal >= d.faults.devices) {
    return kInvalidDevice;
  }
  *device = ordinal;
  return kSuccess;
}

EXPORT int cuDeviceGetName(char* name, int length, int device) {
  std::snprintf(name, static_cast<size_t>(length), "Quest test device %d", device);
  return kSuccess;
}

EXPORT int cuDeviceGetPCIBusId(char* id, int length, int device) {
  std::snprintf(id, static_cast<size_t>(length), "0000:%02X:00.0", device + 1);
  return kSuccess;
}

EXPORT int cuDeviceTotalMem_v2(size_t* bytes, int) {
  *bytes = driver().faults.memoryBytes;
  return kSuccess;
}

EXPORT int cuDeviceGetAttribute(int* value, int attribute, int) {
  switch (attribute) {
    case 1: *value = 1024; return kSuccess;                // MAX_THREADS_PER_BLOCK
    case 8: *value = 49152; return kSuccess;               // MAX_SHARED_MEMORY_PER_BLOCK
    case 10: *value = 32; return kSuccess;                 // WARP_SIZE
    case 16: *value = 4; return kSuccess;                  // MULTIPROCESSOR_COUNT
    case 75: *value = 9; return kSuccess;                  // COMPUTE_CAPABILITY_MAJOR
    case 76: *value = 0; return kSuccess;                  // COMPUTE_CAPABILITY_MINOR
    case 97: *value = kMaxSharedBytes; return kSuccess;    // MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
    default: return kInvalidValue;
  }
}

EXPORT int cuDevicePrimaryCtxRetain(void** context, int device) {
  Driver& d = driver();
  Guard guard(d.lock);
  if (!d.initialized) {
    return kNotInitialized;
  }
  Device& retained = d.devices[static_cast<size_t>(device)];
  retained.retained++;
  *context = &retained;
  return kSuccess;
}

EXPORT int cuDevicePrimaryCtxRelease_v2(int device) {
  Driver& d = driver();
  Guard guard(d.lock);
  Device& released = d.devices[static_cast<size_t>(device)];
  if (released.retained == 0) {
    return kInvalidContext;
  }
  if (--released.retained == 0) {
    d.destroyContext(&released);
  }
  return kSuccess;
}

EXPORT int cuCtxSetCurrent(void* context) {
  driver().makeCurrent(static_cast<Device*>(context));
  return kSuccess;
}

EXPORT int cuCtxGetCurrent(void** context) {
  *context = driver().current();
  return kSuccess;
}

EXPORT int cuCtxSynchronize() {
  Driver& d = driver();
  Guard guard(d.lock);
  Result ready = d.check();
  if (ready != kSuccess) {
    return ready;
  }
  if (d.capturing(d.current())) {
    return d.fail(kCaptureUnsupported, "cuCtxSynchronize while a stream is captured");
  }
  d.drainAll(d.current());
  return d.checkCanaries(d.current());
}

EXPORT int cuModuleLoadData(void** module, const void* image) {
  Driver& d = driver();
  Guard guard(d.lock);
  Result ready = d.check();
  if (ready != kSuccess) {
    return ready;
  }
  unsigned magic;
  std::memcpy(&magic, image, sizeof magic);
  if (magic != kFatbinMagic && std::strncmp(static_cast<const char*>(image), kMarker, sizeof kMarker - 1) != 0) {
    return d.fail(kInvalidImage, "the module image is neither a fatbin nor the test driver's marker");
  }
  *module = &d;
  return kSuccess;
}

EXPORT int cuModuleLoadDataEx(void** module, const void* image, unsigned, int*, void**) {
  return cuModuleLoadData(module, image);
}

EXPORT int cuModuleUnload(void*) {
  Guard guard(driver().lock);
  return driver().check();
}

EXPORT int cuModuleGetFunction(void** function, void*, const char* name) {
  Guard guard(driver().lock);
  Result ready = driver().check();
  if (ready != kSuccess) {
    return ready;
  }
  *function = findKernel(name);
  return *function == nullptr ? driver().fail(kNotFound, std::string("no kernel ") + name) : kSuccess;
}

EXPORT int cuFuncSetAttribute(void*, int, int) { return driver().check(); }

EXPORT int cuFuncGetAttribute(int* value, int attribute, void* function) {
  *value = attribute == 0 ? static_cast<Kernel*>(function)->maxThreads : 0;
  return driver().check();
}

EXPORT int cuMemGetInfo_v2(size_t* available, size_t* total) {
  Driver& d = driver();
  Guard guard(d.lock);
  Result ready = d.check();
  if (ready != kSuccess) {
    return ready;
  }
  size_t used = d.deviceMemory.outstandingBytes(d.current()->ordinal);
  *total = d.faults.memoryBytes;
  *available = used > *total ? 0 : *total - used;
  return kSuccess;
}

EXPORT int cuMemAlloc_v2(DevicePointer* pointer, size_t bytes) {
  Driver& d = driver();
  Guard guard(d.lock);
  Result ready = d.check();
  if (ready != kSuccess) {
    return ready;
  }
  if (d.capturing(d.current())) {
    return d.fail(kCaptureUnsupported, "cuMemAlloc while a stream is captured");
  }
  int ordinal = d.current()->ordinal;
  if (bytes == 0) {
    return kInvalidValue;
  }
  if (d.deviceMemory.outstandingBytes(ordinal) + bytes > d.faults.memoryBytes) {
    return kOutOfMemory;
  }
  unsigned char* data = d.deviceMemory.allocate(bytes, ordinal);
  if (data == nullptr) {
    return kOutOfMemory;
  }
  *pointer = tagged(data);
  return kSuccess;
}

EXPORT int cuMemFree_v2(DevicePointer pointer) {
  Driver& d = driver();
  Guard guard(d.lock);
  Result ready = d.check();
  if (ready != kSuccess) {
    return ready;
  }
  if (!isDevice(pointer)) {
    return d.fail(kInvalidValue, "cuMemFree of a host address");
  }
  return freeOf(d.deviceMemory, untagged(pointer), "cuMemFree");
}

EXPORT int cuMemHostAlloc(void** pointer, size_t bytes, unsigned) {
  Driver& d = driver();
  Guard guard(d.lock);
  Result ready = d.check();
  if (ready != kSuccess) {
    return ready;
  }
  *pointer = d.hostMemory.allocate(bytes, d.current()->ordinal);
  return *pointer == nullptr ? kOutOfMemory : kSuccess;
}

EXPORT int cuMemAllocHost_v2(void** pointer, size_t bytes) { return cuMemHostAlloc(pointer, bytes, 0); }

EXPORT int cuMemFreeHost(void* pointer) {
  Driver& d = driver();
  Guard guard(d.lock);
  Result ready = d.check();
  if (ready != kSuccess) {
    return ready;
  }
  return freeOf(d.hostMemory, static_cast<unsigned char*>(pointer), "cuMemFreeHost");
}
