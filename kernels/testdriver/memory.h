// Device and pinned memory, kept apart from everything else.
//
// A device address is the real one plus kDeviceTag, which no x86-64 address may have: the host cannot dereference it
// by mistake (it faults), and only the driver takes the tag off. Every allocation ends at an unmapped page, begins
// after another, and is surrounded by canaries within its pages; it starts as NaN.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace testdriver {

using DevicePointer = uint64_t;
constexpr DevicePointer kDeviceTag = 1ull << 62;

struct Allocation {
  unsigned char* data;
  size_t bytes;
  unsigned char* mapping;
  size_t mappedBytes;
  int device;
};

class Memory {
 public:
  /** Real address of new memory, or null. */
  unsigned char* allocate(size_t bytes, int device);
  /** False if `data` is not the start of an allocation. */
  bool release(const unsigned char* data);
  void releaseAll(int device);

  /** The allocation that [data, data + bytes) lies in, or null. */
  const Allocation* find(const unsigned char* data, size_t bytes) const;

  /** Name and place of the first damaged canary, or empty. */
  std::string damage() const;
  size_t outstandingBytes(int device) const;
  size_t outstandingCount() const { return allocations_.size(); }

 private:
  std::map<const unsigned char*, Allocation> allocations_;
};

inline bool isDevice(DevicePointer address) { return (address & kDeviceTag) != 0; }
inline DevicePointer tagged(const unsigned char* data) { return reinterpret_cast<DevicePointer>(data) | kDeviceTag; }
inline unsigned char* untagged(DevicePointer address) {
  return reinterpret_cast<unsigned char*>(address & ~kDeviceTag);
}

}  // namespace testdriver
