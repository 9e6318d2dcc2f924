#include "fiber.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <random>
#include <vector>

#include "asynchronous.h"
#include "order.h"
#include "portable_cuda.h"
#include "races.h"

#ifndef __x86_64__
#error "the test driver switches stacks in x86-64 assembly, like the only platform of JCuda's natives"
#endif

Index3 threadIdx, blockIdx, blockDim, gridDim;

// void questSwitch(void** save, void* load): pushes the callee-saved registers, leaves the stack pointer in *save,
// and goes on where `load` was left. ucontext would ask the kernel for the signal mask at every switch.
extern "C" void questSwitch(void** save, void* load);
asm(R"(
  .text
  .globl questSwitch
  .hidden questSwitch
  .type questSwitch, @function
questSwitch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size questSwitch, .-questSwitch
)");

namespace testdriver {
namespace {

constexpr size_t kStackBytes = 256 << 10;
constexpr int kWarp = 32;
constexpr int kWarpgroup = 128;
constexpr uint64_t kPoison = 0xffffffffffffffffull;  // what a lane reads from one that has returned

enum class State : uint8_t { kFresh, kReady, kWaiting, kDone };

struct Fiber {
  void* stackPointer;
  Index3 index;
  State state;
  bool atGroupBarrier;
};

/** Lanes of one mask on their way into the same warp operation. */
struct Meeting {
  unsigned mask;
  unsigned arrived;
  WarpOp op;
};

struct Warp {
  std::vector<Meeting> meetings;
  unsigned exited;
  uint64_t value[kWarp];
  uint64_t result[kWarp];
  int source[kWarp];
};

struct Block {
  const Kernel* kernel;
  const uint64_t* arguments;
  int threads;
  int done;
  int atBarrier;
  Votes votes;
  Votes counted;
  const char* failure;
  void* scheduler;
  Fiber fibers[kMaxThreads];
  Warp warps[kMaxThreads / kWarp];
  int atGroupBarrier[kMaxThreads / kWarpgroup];
};

Block& block = *new Block();  // never destroyed: at the JVM's exit another thread may still run it
unsigned char* stacks;
alignas(128) unsigned char shared[kMaxSharedBytes];

// A stray or misaligned access of a kernel ends its grid, as on a device; any other signal is passed on (the JVM uses
// SIGSEGV itself). Kernels are compiled so that a misaligned access executes an illegal instruction.
struct sigaction previous[NSIG];
volatile pid_t runningThread;
sigjmp_buf faulted;
void* faultAddress;

void onFault(int signal, siginfo_t* info, void* context) {
  if (runningThread != 0 && runningThread == static_cast<pid_t>(syscall(SYS_gettid))) {
    faultAddress = info->si_addr;
    siglongjmp(faulted, signal);
  }
  const struct sigaction& next = previous[signal];
  if (next.sa_flags & SA_SIGINFO) {
    next.sa_sigaction(signal, info, context);
  } else if (next.sa_handler == SIG_DFL || next.sa_handler == SIG_IGN) {
    sigaction(signal, &next, nullptr);
  } else {
    next.sa_handler(signal);
  }
}

void setUp() {
  if (stacks != nullptr) {
    return;
  }
  void* memory = mmap(nullptr, kStackBytes * kMaxThreads, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    std::perror("test driver: stacks");
    std::abort();
  }
  stacks = static_cast<unsigned char*>(memory);
  exemptFromRaces(stacks, kStackBytes * kMaxThreads);
  struct sigaction action = {};
  action.sa_sigaction = onFault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  sigaction(SIGSEGV, &action, &previous[SIGSEGV]);
  sigaction(SIGILL, &action, &previous[SIGILL]);
}

void toScheduler() { questSwitch(&block.fibers[currentThread].stackPointer, block.scheduler); }

void ready(int thread) { block.fibers[thread].state = State::kReady; }

uint64_t reduce(const Warp& warp, const Meeting& meeting) {
  uint64_t total = 0;
  bool first = true;
  for (int lane = 0; lane < kWarp; lane++) {
    if (!(meeting.arrived >> lane & 1)) {
      continue;
    }
    uint64_t value = warp.value[lane];
    int64_t a = static_cast<int64_t>(total), b = static_cast<int64_t>(value);
    switch (meeting.op) {
      case WarpOp::kBallot: total |= value << lane; break;
      case WarpOp::kSum: total += value; break;
      case WarpOp::kMin: total = first || b < a ? value : total; break;
      case WarpOp::kMax: total = first || b > a ? value : total; break;
      default: break;
    }
    first = false;
  }
  return total;
}

/** All lanes are there: everyone's result is ready before anyone goes on, so no lane can overtake another. */
void complete(int warpIndex, size_t position) {
  Warp& warp = block.warps[warpIndex];
  Meeting meeting = warp.meetings[position];
  warp.meetings.erase(warp.meetings.begin() + static_cast<long>(position));
  if (meeting.op == WarpOp::kSync) {
    orderWarp(warpIndex, meeting.arrived);
  }
  uint64_t total = meeting.op == WarpOp::kShuffle ? 0 : reduce(warp, meeting);
  for (int lane = 0; lane < kWarp; lane++) {
    if (meeting.arrived >> lane & 1) {
      int source = warp.source[lane];
      warp.result[lane] = meeting.op != WarpOp::kShuffle          ? total
                          : meeting.arrived >> (source & 31) & 1 ? warp.value[source & 31]
                                                                  : kPoison;
      ready(warpIndex * kWarp + lane);
    }
  }
}

void releaseBarrier() {
  orderBarrier();
  block.counted = block.votes;
  block.counted.any = block.votes.count > 0;
  block.counted.all = block.votes.count == block.atBarrier;
  block.votes = {0, 0, 0};
  block.atBarrier = 0;
  for (int t = 0; t < block.threads; t++) {
    if (block.fibers[t].state == State::kWaiting) {
      ready(t);  // all of them wait here: the barrier is complete only when nobody is elsewhere
    }
  }
}

/** A thread that returned is waited for no longer. */
void leave(int thread) {
  block.fibers[thread].state = State::kDone;
  block.done++;
  int warpIndex = thread / kWarp;
  Warp& warp = block.warps[warpIndex];
  warp.exited |= 1u << thread % kWarp;
  for (size_t m = 0; m < warp.meetings.size();) {
    if ((warp.meetings[m].arrived | warp.exited) == (warp.meetings[m].mask | warp.exited)) {
      complete(warpIndex, m);
    } else {
      m++;
    }
  }
  if (block.atBarrier > 0 && block.atBarrier + block.done == block.threads) {
    releaseBarrier();
  }
}

void threadMain() {
  forgetWork();
  block.kernel->call(block.arguments);
  if (workUnderWay()) {
    trap("the thread returns before copies or products that it started have ended");
  }
  leave(currentThread);
  toScheduler();
  std::abort();
}

void startFiber(int thread) {
  // Stacks a page multiple apart would share cache sets; stagger their tops.
  uintptr_t top = reinterpret_cast<uintptr_t>(stacks + (static_cast<size_t>(thread) + 1) * kStackBytes) -
                  static_cast<size_t>(thread % 61) * 64;
  void** frame = reinterpret_cast<void**>(top) - 8;
  std::memset(frame, 0, 8 * sizeof(void*));
  frame[6] = reinterpret_cast<void*>(&threadMain);
  block.fibers[thread].stackPointer = frame;
  block.fibers[thread].state = State::kReady;
}

void runBlock(const std::vector<int>& order) {
  block.done = 0;
  block.atBarrier = 0;
  block.votes = {0, 0, 0};
  orderBlock(block.threads);
  for (int t = 0; t < block.threads; t++) {
    block.fibers[t].state = State::kFresh;
    block.fibers[t].atGroupBarrier = false;
  }
  std::fill(std::begin(block.atGroupBarrier), std::end(block.atGroupBarrier), 0);
  int warps = (block.threads + kWarp - 1) / kWarp;
  for (int w = 0; w < warps; w++) {
    block.warps[w].meetings.clear();
    int lanes = std::min(kWarp, block.threads - w * kWarp);
    block.warps[w].exited = lanes == kWarp ? 0 : ~0u << lanes;
  }
  while (block.done < block.threads) {
    bool progress = false;
    for (int thread : order) {
      Fiber& fiber = block.fibers[thread];
      if (fiber.state == State::kFresh) {
        startFiber(thread);
      } else if (fiber.state != State::kReady) {
        continue;
      }
      progress = true;
      currentThread = thread;
      threadIdx = fiber.index;
      questSwitch(&block.scheduler, fiber.stackPointer);
      if (block.failure != nullptr) {
        return;
      }
    }
    if (!progress) {
      block.failure = block.atBarrier > 0 ? "deadlock: some threads wait at __syncthreads, others elsewhere"
                                          : "deadlock: lanes of a mask, or a warpgroup's threads, never meet";
      return;
    }
  }
}

std::string where() {
  char text[160];
  std::snprintf(text, sizeof text, "%s, block (%u,%u,%u), thread (%u,%u,%u)", block.kernel->name, blockIdx.x,
                blockIdx.y, blockIdx.z, threadIdx.x, threadIdx.y, threadIdx.z);
  return text;
}

std::vector<int> threadOrder(int threads, ThreadOrder order) {
  std::vector<int> turns(static_cast<size_t>(threads));
  for (int t = 0; t < threads; t++) {
    turns[static_cast<size_t>(t)] = order == ThreadOrder::kReverse ? threads - 1 - t : t;
  }
  if (order == ThreadOrder::kShuffled) {
    std::shuffle(turns.begin(), turns.end(), std::minstd_rand(static_cast<unsigned>(threads)));
  }
  return turns;
}

}  // namespace

uint64_t meetWarp(WarpOp op, unsigned mask, uint64_t value, int sourceLane) {
  int thread = currentThread;
  int lane = thread % kWarp;
  Warp& warp = block.warps[thread / kWarp];
  if (!(mask >> lane & 1)) {
    trap("a lane calls a warp operation whose mask leaves it out");
  }
  warp.value[lane] = value;
  warp.source[lane] = sourceLane;
  size_t m = 0;
  while (m < warp.meetings.size() && warp.meetings[m].mask != mask) {
    if (warp.meetings[m].mask & mask) {
      trap("lanes meet under masks that overlap");
    }
    m++;
  }
  if (m == warp.meetings.size()) {
    warp.meetings.push_back({mask, 0, op});
  } else if (warp.meetings[m].op != op) {
    trap("lanes of one mask meet in different operations");
  }
  warp.meetings[m].arrived |= 1u << lane;
  if (((warp.meetings[m].arrived | warp.exited) & mask) == mask) {
    complete(thread / kWarp, m);
    block.fibers[thread].state = State::kReady;
  } else {
    block.fibers[thread].state = State::kWaiting;
    toScheduler();
  }
  return warp.result[lane];
}

Votes meetBlock(int vote) {
  block.votes.count += vote != 0;
  block.atBarrier++;
  if (block.atBarrier + block.done == block.threads) {
    releaseBarrier();
    block.fibers[currentThread].state = State::kReady;
  } else {
    block.fibers[currentThread].state = State::kWaiting;
    toScheduler();
  }
  return block.counted;
}

void meetWarpgroup() {
  const int group = currentThread / kWarpgroup;
  if (++block.atGroupBarrier[group] < kWarpgroup) {
    block.fibers[currentThread].atGroupBarrier = true;
    block.fibers[currentThread].state = State::kWaiting;
    toScheduler();
    return;
  }
  orderWarpgroup(group);
  block.atGroupBarrier[group] = 0;
  for (int t = group * kWarpgroup; t < (group + 1) * kWarpgroup; t++) {
    if (block.fibers[t].atGroupBarrier) {
      block.fibers[t].atGroupBarrier = false;
      ready(t);
    }
  }
}

int lane() { return currentThread % kWarp; }

unsigned char* dynamicShared() { return shared; }

void trap(const char* what) {
  block.failure = what;
  toScheduler();
  std::abort();
}

GridResult runGrid(const Kernel& kernel, const uint64_t* arguments, Dim3 grid, Dim3 blockSize, size_t sharedBytes,
                   ThreadOrder order, std::string& message) {
  setUp();
  block.kernel = &kernel;
  block.arguments = arguments;
  block.threads = static_cast<int>(blockSize.count());
  block.failure = nullptr;
  gridDim = {grid.x, grid.y, grid.z};
  blockDim = {blockSize.x, blockSize.y, blockSize.z};
  std::memset(shared, 0xff, sharedBytes);
  for (int t = 0; t < block.threads; t++) {
    unsigned x = static_cast<unsigned>(t) % blockSize.x;
    unsigned y = static_cast<unsigned>(t) / blockSize.x % blockSize.y;
    block.fibers[t].index = {x, y, static_cast<unsigned>(t) / (blockSize.x * blockSize.y)};
  }
  std::vector<int> turns = threadOrder(block.threads, order);
  orderGrid();
  racesOfGrid(sharedBytes);
  if (int signal = sigsetjmp(faulted, 1)) {
    runningThread = 0;
    if (signal == SIGILL) {
      message = where() + ": misaligned access";
      return GridResult::kMisalignedAddress;
    }
    char address[32];
    std::snprintf(address, sizeof address, "%p", faultAddress);
    message = where() + ": access to " + address + ", outside every allocation";
    return GridResult::kIllegalAddress;
  }
  runningThread = static_cast<pid_t>(syscall(SYS_gettid));
  for (unsigned long long b = 0; b < grid.count() && block.failure == nullptr; b++) {
    blockIdx = {static_cast<unsigned>(b % grid.x), static_cast<unsigned>(b / grid.x % grid.y),
                static_cast<unsigned>(b / grid.x / grid.y)};
    runBlock(turns);
  }
  runningThread = 0;
  if (block.failure != nullptr) {
    message = where() + ": " + block.failure;
    return GridResult::kLaunchFailed;
  }
  return GridResult::kDone;
}

}  // namespace testdriver
