#include "order.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "portable_cuda.h"

namespace testdriver {

int currentThread;
BlockOrder present;

namespace {

constexpr unsigned kAllLanes = 0xffffffffu;
constexpr int kGroupWarps = 4;
constexpr int kGroupThreads = kGroupWarps * kLanes;

/** An atomic operation after a fence: who reads its value, and then passes a fence, comes after that first fence. */
struct Release {
  uint32_t block;
  int thread;
  Time fence;
};

/** An address of atomic operations. */
struct Ticket {
  std::vector<Release> releases;
  uint32_t lastBlock;
  int lastThread;
};

struct Thread {
  bool fenced;
  Time fence;
  Time published;
  std::vector<Release> seen;      // by atomic operations, no fence since
  std::vector<Release> acquired;  // before this thread's present
};

/** Who knows what within a warp. */
struct Warp {
  uint32_t allMet;  // ticks of the last meeting of all lanes
  bool partly;
  uint32_t met[kLanes][kLanes];  // ticks of the last meeting that told [lane] of [lane]
};

// Never destroyed: at the JVM's exit another thread may still run kernels.
auto& tickets = *new std::unordered_map<uintptr_t, Ticket>;
auto& threads = *new std::array<Thread, kMaxThreads>();
auto& acquiredByAll = *new std::vector<Release>;  // before the present of all threads of the block
std::array<Warp, kMaxThreads / kLanes> warps;
std::array<uint32_t, kMaxThreads / kLanes> metByGroup;  // ticks of each warp at its warpgroup's last barrier
int blockThreads;

Thread& own() { return threads[static_cast<size_t>(currentThread)]; }

Time tick() {
  present.ticks[currentThread / kLanes]++;
  return now();
}

bool covers(const std::vector<Release>& releases, uint32_t block, int thread, Time time) {
  return std::any_of(releases.begin(), releases.end(), [=](const Release& release) {
    return release.block == block && (time.barriers < release.fence.barriers ||
                                      (thread == release.thread && time < release.fence));
  });
}

}  // namespace

bool happenedBefore(uint32_t block, int thread, Time time) {
  if (block != present.block) {
    return covers(acquiredByAll, block, thread, time) || covers(own().acquired, block, thread, time);
  }
  if (time.barriers < present.barriers || thread == currentThread) {
    return true;
  }
  if (thread == kSeveral) {
    return false;
  }
  if (thread / kGroupThreads == currentThread / kGroupThreads &&
      metByGroup[static_cast<size_t>(thread / kLanes)] > time.ticks) {
    return true;
  }
  if (thread / kLanes != currentThread / kLanes) {
    return false;
  }
  const Warp& warp = warps[static_cast<size_t>(currentThread / kLanes)];
  return std::max(warp.allMet, warp.met[currentThread % kLanes][thread % kLanes]) > time.ticks;
}

bool hasPublished(int thread, Time time) { return time < threads[static_cast<size_t>(thread)].published; }

bool drewLast(uintptr_t address) {
  const auto ticket = tickets.find(address);
  return ticket != tickets.end() && ticket->second.lastBlock == present.block &&
         ticket->second.lastThread == currentThread;
}

void orderGrid() {
  present.firstOfGrid = present.block + 1;
  tickets.clear();
}

void orderBlock(int count) {
  present.block++;
  present.barriers = 1;
  blockThreads = count;
  acquiredByAll.clear();
  for (size_t t = 0; t < static_cast<size_t>(count); t++) {
    threads[t].fenced = false;
    threads[t].published = {0, 0};
    threads[t].seen.clear();
    threads[t].acquired.clear();
  }
  for (size_t w = 0; w < static_cast<size_t>((count + kLanes - 1) / kLanes); w++) {
    present.ticks[w] = 1;
    metByGroup[w] = 0;
    warps[w].allMet = 0;
    if (warps[w].partly) {
      warps[w] = {};
    }
  }
}

void orderBarrier() {
  present.barriers++;
  for (size_t t = 0; t < static_cast<size_t>(blockThreads); t++) {
    acquiredByAll.insert(acquiredByAll.end(), threads[t].acquired.begin(), threads[t].acquired.end());
    threads[t].acquired.clear();
  }
}

void orderWarp(int index, unsigned lanes) {
  Warp& warp = warps[static_cast<size_t>(index)];
  const uint32_t ticks = ++present.ticks[index];
  if (lanes == kAllLanes) {
    warp.allMet = ticks;
    return;
  }
  warp.partly = true;
  uint32_t known[kLanes] = {};
  for (int a = 0; a < kLanes; a++) {
    for (int b = 0; b < kLanes && (lanes >> a & 1); b++) {
      known[b] = lanes >> b & 1 ? ticks : std::max(known[b], warp.met[a][b]);
    }
  }
  for (int a = 0; a < kLanes; a++) {
    for (int b = 0; b < kLanes && (lanes >> a & 1); b++) {
      warp.met[a][b] = known[b];
    }
  }
}

void orderWarpgroup(int group) {
  for (size_t w = static_cast<size_t>(group) * kGroupWarps; w < (static_cast<size_t>(group) + 1) * kGroupWarps; w++) {
    metByGroup[w] = ++present.ticks[w];
  }
}

void orderFence() {
  Thread& thread = own();
  thread.fence = tick();
  thread.fenced = true;
  thread.acquired.insert(thread.acquired.end(), thread.seen.begin(), thread.seen.end());
  thread.seen.clear();
}

void orderAtomic(uintptr_t address) {
  Ticket& ticket = tickets[address];
  Thread& thread = own();
  thread.seen.insert(thread.seen.end(), ticket.releases.begin(), ticket.releases.end());
  if (thread.fenced) {
    ticket.releases.push_back({present.block, currentThread, thread.fence});
  }
  ticket.lastBlock = present.block;
  ticket.lastThread = currentThread;
}

void publish() { own().published = tick(); }

}  // namespace testdriver
