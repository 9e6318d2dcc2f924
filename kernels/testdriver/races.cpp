#include "races.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "driver.h"
#include "order.h"
#include "portable_cuda.h"

// The library's zeroed data: there __shared__ variables and dynamic shared memory lie.
extern "C" char __bss_start __attribute__((visibility("hidden")));
extern "C" char _end __attribute__((visibility("hidden")));

namespace testdriver {
namespace {

constexpr size_t kPageBytes = 4096;
constexpr int kCoarsest = 4;  // a page starts with one cell per 16 bytes
constexpr size_t kMostCells = 16u << 20;

/** Who has read: lanes of one warp, several warps of a block, several blocks. */
enum class Readers : uint8_t { kNone, kLanes, kBlock, kGrid };

struct Write {
  uint32_t block;  // 0: several
  Time time;
  uint16_t thread;
  bool done;  // there is one
};

/** What happened to some neighbouring bytes: the last plain write, and atomic operations and reads since. */
struct Cell {
  Write write = {};
  Write atomic = {};  // the last of them; of several threads, or blocks, if nothing orders them
  uint32_t readerBlock = 0;
  uint32_t readerLanes = 0;
  Time read = {};  // the latest
  uint16_t readerWarp = 0;
  Readers readers = Readers::kNone;
  bool underWay = false;  // the write is a copy that has not landed
};

/** What is known of 4096 bytes, in cells of 1 << shift bytes: as fine as the finest access of the launch. */
struct Page {
  uint32_t grid = 0;
  int shift = kCoarsest;
  std::vector<Cell> cells;
};

// Never destroyed: at the JVM's exit another thread may still run kernels.
auto& pages = *new std::unordered_map<uintptr_t, std::unique_ptr<Page>>;
std::array<std::pair<uintptr_t, Page*>, 4096> recent;
size_t cells;
uint32_t grids;
bool searching;  // not before the first launch: the registration of kernels is instrumented as well
uintptr_t exemptFrom;
size_t exemptBytes;
auto& failure = *new std::string;
size_t launchedShared = kMaxSharedBytes;  // bytes of dynamic shared memory that the launch has

bool isShared(uintptr_t address) {
  const uintptr_t from = reinterpret_cast<uintptr_t>(&__bss_start);
  return address - from < reinterpret_cast<uintptr_t>(&_end) - from;
}

std::string placeOf(uintptr_t address) {
  if (isShared(address)) {
    const size_t offset = address - reinterpret_cast<uintptr_t>(dynamicShared());
    return offset < kMaxSharedBytes ? "byte " + std::to_string(offset) + " of dynamic shared memory"
                                    : "a __shared__ variable";
  }
  const unsigned char* at = reinterpret_cast<const unsigned char*>(address);
  const Allocation* allocation = driver().deviceMemory.find(at, 1);
  return allocation == nullptr ? "a constant"
                               : "byte " + std::to_string(at - allocation->data) + " of an allocation of " +
                                     std::to_string(allocation->bytes) + " bytes";
}

/** Ends the launch: "race: it reads PLACE, thread 5 wrote it, and nothing orders the two". */
[[noreturn]] void race(const char* does, uintptr_t at, const char* did, uint32_t block, int thread) {
  const std::string who = thread == kSeveral ? "several threads" : "thread " + std::to_string(thread);
  const std::string where = block == present.block ? ""
                            : block == 0           ? " of several blocks"
                                                   : " of block " + std::to_string(block - present.firstOfGrid);
  failure = std::string("race: it ") + does + " " + placeOf(at) + ", " + who + where + " " + did +
            " it, and nothing orders the two";
  trap(failure.c_str());
}

void grow(Page& page, size_t count) {
  if (page.cells.size() < count) {
    cells += count - page.cells.size();
    page.cells.resize(count);
  }
}

Page& pageOf(uintptr_t address) {
  const uintptr_t key = address / kPageBytes + 1;
  std::pair<uintptr_t, Page*>& slot = recent[key % recent.size()];
  if (slot.first != key) {
    std::unique_ptr<Page>& page = pages[key];
    if (page == nullptr) {
      page = std::make_unique<Page>();
    }
    slot = {key, page.get()};
  }
  Page& page = *slot.second;
  if (page.grid != grids) {
    page.grid = grids;
    page.shift = kCoarsest;
    grow(page, kPageBytes >> kCoarsest);
    std::fill_n(page.cells.begin(), kPageBytes >> kCoarsest, Cell());
  }
  return page;
}

/** Splits the cells of a page so that an access of 1 << shift bytes has a cell of its own. */
void refine(Page& page, int shift) {
  const size_t old = kPageBytes >> page.shift;
  const int parts = 1 << (page.shift - shift);
  grow(page, old * static_cast<size_t>(parts));
  for (size_t i = old; i-- > 0;) {
    const Cell cell = page.cells[i];
    std::fill_n(page.cells.begin() + static_cast<long>(i) * parts, parts, cell);
  }
  page.shift = shift;
}

enum class Kind { kRead, kTensorRead, kWrite, kAtomic, kCopyStart, kCopyEnd };

const char* nameOf(Kind kind) {
  return kind <= Kind::kTensorRead ? "reads" : kind == Kind::kAtomic ? "changes atomically" : "writes";
}

bool readsHappenedBefore(const Cell& cell) {
  switch (cell.readers) {
    case Readers::kNone: return true;
    case Readers::kGrid: return false;
    case Readers::kBlock: return happenedBefore(cell.readerBlock, kSeveral, cell.read);
    case Readers::kLanes: break;
  }
  for (unsigned lanes = cell.readerLanes; lanes != 0; lanes &= lanes - 1) {
    if (!happenedBefore(cell.readerBlock, cell.readerWarp * kLanes + __builtin_ctz(lanes), cell.read)) {
      return false;
    }
  }
  return true;
}

bool happenedBefore(const Write& write) { return happenedBefore(write.block, write.thread, write.time); }

void checkWrites(const Cell& cell, Kind kind, uintptr_t at) {
  const Write& write = cell.write;
  const Write& atomic = cell.atomic;
  if (cell.underWay && (kind != Kind::kCopyEnd || write.thread != currentThread || write.block != present.block)) {
    race(nameOf(kind), at, "has a copy under way to", write.block, write.thread);
  }
  if (write.done && !happenedBefore(write)) {
    race(nameOf(kind), at, "wrote", write.block, write.thread);
  }
  if (write.done && kind == Kind::kTensorRead && !hasPublished(write.thread, write.time)) {
    race("has the tensor cores read", at, "wrote but did not publish", write.block, write.thread);
  }
  if (atomic.done && kind != Kind::kAtomic && !drewLast(at) && (atomic.block == 0 || !happenedBefore(atomic))) {
    race(nameOf(kind), at, "changed", atomic.block, atomic.thread);
  }
}

void checkReaders(const Cell& cell, Kind kind, uintptr_t at) {
  if (kind != Kind::kCopyEnd && !readsHappenedBefore(cell)) {
    const bool one = cell.readers == Readers::kLanes && (cell.readerLanes & (cell.readerLanes - 1)) == 0;
    race(nameOf(kind), at, "read", cell.readers == Readers::kGrid ? 0 : cell.readerBlock,
         one ? cell.readerWarp * kLanes + __builtin_ctz(cell.readerLanes) : kSeveral);
  }
}

/** Whether a read of the current thread adds nothing to what is known: nearly every read, so nothing dear here. */
bool knowsRead(const Cell& cell) {
  if (cell.readers == Readers::kGrid) {
    return !cell.write.done && !cell.atomic.done;
  }
  if (cell.readerBlock != present.block || cell.read.barriers != present.barriers) {
    return false;
  }
  if (cell.readers == Readers::kBlock) {
    return !cell.atomic.done && (!cell.write.done || (cell.write.block == present.block &&
                                                      cell.write.time.barriers < present.barriers));
  }
  return cell.readers == Readers::kLanes && cell.readerWarp == currentThread / kLanes &&
         (cell.readerLanes >> currentThread % kLanes & 1) && cell.read == now();
}

void recordRead(Cell& cell) {
  const uint16_t warp = static_cast<uint16_t>(currentThread / kLanes);
  if (readsHappenedBefore(cell)) {  // a write that comes after this read comes after those
    cell.readers = Readers::kLanes;
    cell.readerBlock = present.block;
    cell.readerWarp = warp;
    cell.readerLanes = 1u << currentThread % kLanes;
  } else if (cell.readerBlock != present.block) {
    cell.readers = Readers::kGrid;
  } else if (cell.readers == Readers::kLanes && cell.readerWarp == warp) {
    cell.readerLanes |= 1u << currentThread % kLanes;
  } else if (cell.readers == Readers::kLanes) {
    cell.readers = Readers::kBlock;
  }
  cell.read = now();
}

void recordWrite(Cell& cell, Kind kind) {
  const Write write = {present.block, now(), static_cast<uint16_t>(currentThread), true};
  if (kind == Kind::kAtomic) {
    const bool alone = !cell.atomic.done || (cell.atomic.block != 0 && happenedBefore(cell.atomic));
    const bool sameBlock = !cell.atomic.done || cell.atomic.block == present.block;
    cell.atomic = write;
    cell.atomic.thread = alone ? write.thread : kSeveral;
    cell.atomic.block = sameBlock ? write.block : 0;
    return;  // the plain write and the reads before it stay what others must come after
  }
  cell.write = write;
  cell.underWay = kind == Kind::kCopyStart;
  cell.atomic.done = false;
  cell.readers = Readers::kNone;
}

/** Shared memory of the block before is another block's. */
void forgetOtherBlocks(Cell& cell) {
  if (cell.write.block != present.block) {
    cell.write.done = cell.underWay = false;
  }
  if (cell.atomic.block != present.block) {
    cell.atomic.done = false;
  }
  if (cell.readerBlock != present.block) {
    cell.readers = Readers::kNone;
  }
}

/** Dynamic shared memory ends where the launch said; a GPU has an illegal address there, and here is more memory. */
void checkShared(uintptr_t from, size_t bytes, Kind kind) {
  const size_t offset = from - reinterpret_cast<uintptr_t>(dynamicShared());
  if (offset < kMaxSharedBytes && offset + bytes > launchedShared) {
    failure = std::string("it ") + nameOf(kind) + " " + placeOf(from) + ", of which the launch has " +
              std::to_string(launchedShared) + " bytes";
    trap(failure.c_str());
  }
}

void access(const void* at, size_t bytes, Kind kind) {
  const uintptr_t from = reinterpret_cast<uintptr_t>(at);
  checkShared(from, bytes, kind);
  if (!searching || bytes == 0 || from - exemptFrom < exemptBytes) {
    return;
  }
  const bool shared = isShared(from);
  const int aligned = __builtin_ctzll(from | bytes | 1u << kCoarsest);
  for (uintptr_t address = from; address < from + bytes;) {
    Page& page = pageOf(address);
    if (aligned < page.shift) {
      refine(page, aligned);
    }
    const uintptr_t end = std::min<uintptr_t>(from + bytes, (address / kPageBytes + 1) * kPageBytes);
    for (; address < end; address += size_t{1} << page.shift) {
      Cell& cell = page.cells[address % kPageBytes >> page.shift];
      if (kind == Kind::kRead && knowsRead(cell)) {
        continue;
      }
      if (shared) {
        forgetOtherBlocks(cell);
      }
      checkWrites(cell, kind, address);
      if (kind <= Kind::kTensorRead) {
        recordRead(cell);
      } else {
        checkReaders(cell, kind, address);
        recordWrite(cell, kind);
      }
    }
  }
}

}  // namespace

void racesOfGrid(size_t sharedBytes) {
  launchedShared = sharedBytes;
  searching = driver().faults.races;
  grids++;
  if (cells > kMostCells) {
    pages.clear();
    recent.fill({0, nullptr});
    cells = 0;
  }
}

void exemptFromRaces(const void* from, size_t bytes) {
  exemptFrom = reinterpret_cast<uintptr_t>(from);
  exemptBytes = bytes;
}

void checkAligned(const void* at, const char* what) {
  if (reinterpret_cast<uintptr_t>(at) % 16 != 0) {
    failure = std::string("misaligned: ") + what + " begins at " + placeOf(reinterpret_cast<uintptr_t>(at)) +
              ", which is no multiple of 16 bytes";
    trap(failure.c_str());
  }
}

void checkRead(const void* from, size_t bytes) { access(from, bytes, Kind::kRead); }
void checkTensorRead(const void* from, size_t bytes) {
  checkAligned(from, "a tile of the tensor cores");
  access(from, bytes, Kind::kTensorRead);
}
void checkCopyStart(const void* target, size_t bytes) { access(target, bytes, Kind::kCopyStart); }
void checkCopyEnd(const void* target, size_t bytes) { access(target, bytes, Kind::kCopyEnd); }

void checkAtomic(const void* address, size_t bytes) {
  access(address, bytes, Kind::kAtomic);
  orderAtomic(reinterpret_cast<uintptr_t>(address));
}

void checkAccess(const void* at, size_t bytes, bool writes) { access(at, bytes, writes ? Kind::kWrite : Kind::kRead); }

}  // namespace testdriver

// What GCC calls under -fsanitize=thread (gcc/sanitizer.def).
#define ON_ACCESS(name, bytes, writes) \
  extern "C" void name(const void* at) { testdriver::checkAccess(at, bytes, writes); }
#define ON_ACCESSES(bytes)                               \
  ON_ACCESS(__tsan_read##bytes, bytes, false)            \
  ON_ACCESS(__tsan_write##bytes, bytes, true)            \
  ON_ACCESS(__tsan_unaligned_read##bytes, bytes, false)  \
  ON_ACCESS(__tsan_unaligned_write##bytes, bytes, true)
ON_ACCESSES(1)
ON_ACCESSES(2)
ON_ACCESSES(4)
ON_ACCESSES(8)
ON_ACCESSES(16)
extern "C" void __tsan_read_range(const void* at, size_t bytes) { testdriver::checkAccess(at, bytes, false); }
extern "C" void __tsan_write_range(const void* at, size_t bytes) { testdriver::checkAccess(at, bytes, true); }
extern "C" void __tsan_init() {}
extern "C" void __tsan_func_entry(const void*) {}
extern "C" void __tsan_func_exit() {}
