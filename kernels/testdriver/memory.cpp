#include "memory.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstring>

namespace testdriver {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kAlignment = 256;  // what cuMemAlloc promises
constexpr unsigned char kCanary = 0xa5;
constexpr unsigned char kNan = 0xff;  // NaN as float, bf16 and half; -1 as int

size_t roundUp(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

size_t firstDamaged(const unsigned char* from, const unsigned char* to) {
  for (const unsigned char* at = from; at < to; at++) {
    if (*at != kCanary) {
      return static_cast<size_t>(at - from) + 1;
    }
  }
  return 0;
}

std::string damageOf(const Allocation& allocation) {
  const unsigned char* begin = allocation.mapping + kPage;
  const unsigned char* end = allocation.mapping + allocation.mappedBytes - kPage;
  const unsigned char* tail = allocation.data + allocation.bytes;
  char text[120];
  if (firstDamaged(begin, allocation.data) != 0) {
    std::snprintf(text, sizeof text, "write before an allocation of %zu bytes", allocation.bytes);
    return text;
  }
  if (size_t at = firstDamaged(tail, end)) {
    std::snprintf(text, sizeof text, "write at byte %zu of an allocation of %zu bytes", allocation.bytes + at - 1,
                  allocation.bytes);
    return text;
  }
  return "";
}

void unmap(const Allocation& allocation) { munmap(allocation.mapping, allocation.mappedBytes); }

}  // namespace

unsigned char* Memory::allocate(size_t bytes, int device) {
  size_t padded = roundUp(bytes, kAlignment);
  size_t body = roundUp(padded, kPage);
  size_t total = body + 2 * kPage;
  void* mapping = mmap(nullptr, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) {
    return nullptr;
  }
  unsigned char* begin = static_cast<unsigned char*>(mapping) + kPage;
  if (mprotect(begin, body, PROT_READ | PROT_WRITE) != 0) {
    munmap(mapping, total);
    return nullptr;
  }
  unsigned char* data = begin + body - padded;
  std::memset(begin, kCanary, static_cast<size_t>(data - begin));
  std::memset(data, kNan, bytes);
  std::memset(data + bytes, kCanary, padded - bytes);
  allocations_[data] = {data, bytes, static_cast<unsigned char*>(mapping), total, device};
  return data;
}

bool Memory::release(const unsigned char* data) {
  auto found = allocations_.find(data);
  if (found == allocations_.end()) {
    return false;
  }
  unmap(found->second);
  allocations_.erase(found);
  return true;
}

void Memory::releaseAll(int device) {
  for (auto at = allocations_.begin(); at != allocations_.end();) {
    if (at->second.device == device) {
      unmap(at->second);
      at = allocations_.erase(at);
    } else {
      ++at;
    }
  }
}

const Allocation* Memory::find(const unsigned char* data, size_t bytes) const {
  auto after = allocations_.upper_bound(data);
  if (after == allocations_.begin()) {
    return nullptr;
  }
  const Allocation& allocation = std::prev(after)->second;
  size_t offset = static_cast<size_t>(data - allocation.data);
  return offset <= allocation.bytes && bytes <= allocation.bytes - offset ? &allocation : nullptr;
}

std::string Memory::damage() const {
  for (const auto& entry : allocations_) {
    std::string damage = damageOf(entry.second);
    if (!damage.empty()) {
      return damage;
    }
  }
  return "";
}

size_t Memory::outstandingBytes(int device) const {
  size_t bytes = 0;
  for (const auto& entry : allocations_) {
    bytes += entry.second.device == device ? entry.second.bytes : 0;
  }
  return bytes;
}

}  // namespace testdriver
