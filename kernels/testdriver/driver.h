// The driver's state: devices, their streams of queued work, events, graphs.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "faults.h"
#include "memory.h"

namespace testdriver {

// The values of CUresult that we give (CUDA Driver API reference, "Data types").
enum Result {
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kNotInitialized = 3,
  kNoDevice = 100,
  kInvalidDevice = 101,
  kInvalidImage = 200,
  kInvalidContext = 201,
  kUnsupportedPtxVersion = 222,
  kInvalidHandle = 400,
  kNotFound = 500,
  kNotReady = 600,
  kIllegalAddress = 700,
  kLaunchOutOfResources = 701,
  kMisalignedAddress = 716,
  kLaunchFailed = 719,
  kCaptureUnsupported = 900,
  kCaptureInvalidated = 901,
  kCaptureImplicit = 906,
};

const char* nameOf(int result);

/** Queued work; what it returns other than success is the context's end. */
using Work = std::function<Result()>;

struct Graph {
  std::vector<Work> nodes;
};

struct Stream {
  std::deque<Work> queue;
  std::unique_ptr<Graph> capture;
  bool captureBroken = false;
};

struct Event {
  bool recorded = false;
  bool done = true;
  Stream* stream = nullptr;
  double milliseconds = 0;
};

/** One fake device with its primary context. */
struct Device {
  int ordinal = 0;
  int retained = 0;
  Result sticky = kSuccess;
  Stream legacy;
  std::vector<std::unique_ptr<Stream>> streams;
};

constexpr int kMaxDevices = 8;

struct Driver {
  std::recursive_mutex lock;
  Faults faults = Faults::fromEnvironment();
  bool initialized = false;
  std::array<Device, kMaxDevices> devices;
  Memory deviceMemory;
  Memory hostMemory;
  long launches = 0;
  long graphLaunches = 0;
  std::string lastError;

  /** Device of the calling thread's current context, or null. */
  Device* current();
  void makeCurrent(Device* device);

  /** What every call checks first: initialised, a context, not lost. */
  Result check();

  /** Remembers why, and tells stderr: a test that fails wants to know. */
  Result fail(Result result, const std::string& why);

  Stream* stream(Device* device, void* handle);

  /** Queues work on a stream, or records it while the stream is captured. */
  Result enqueue(Device* device, Stream* stream, Work work);
  Result drain(Device* device, Stream* stream);
  Result drainAll(Device* device);

  /** Canaries of all allocations; a damaged one loses the context. */
  Result checkCanaries(Device* device);
  bool capturing(const Device* device) const;
  void destroyContext(Device* device);
};

Driver& driver();

/** Every entry point runs alone. */
using Guard = std::lock_guard<std::recursive_mutex>;

}  // namespace testdriver
