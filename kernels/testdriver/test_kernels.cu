// Kernels that try the test driver itself. testdriver_add: x += y. testdriver_exchange: one small exchange between
// threads of each kind that our kernels use. With `ordered` it is right; without, the one thing is missing that makes it
// so, and the driver must say so. kTicket takes several blocks of threads, the others one.
#include "async_copy.cuh"
#include "shared_memory.cuh"
#include "wgmma.cuh"

namespace quest {

// ordinals of engine.ops.cuda.Exchange
enum class Exchange {
  kBlock,         // a barrier between a write and another warp's read
  kOverwrite,     // a barrier between a read and another warp's write
  kWarp,          // __syncwarp between a lane's write and another lane's read; a shuffle does not do
  kHalfWarps,     // __syncwarp of all lanes, not of each half, before halves exchange
  kSameValue,     // one thread writes, not two, be it the same value
  kOwnCopy,       // a wait before a thread reads what it has copied
  kOthersCopy,    // a barrier, after the wait, before another thread reads it
  kReturn,        // a wait before the thread returns
  kPublish,       // fence.proxy.async between a write and the tensor cores' read
  kProducts,      // a wait before the sums of a product are read
  kCount,         // a barrier between atomic operations and a plain read
  kReset,         // a barrier between a plain write and atomic operations
  kTicket,        // fences around the ticket that the last block draws
  kNeighbours,    // never a race: threads write neighbouring bytes
  kPastShared,    // shared memory ends where the launch said
  kMisaligned,    // an asynchronous copy reads at a multiple of 16 bytes
};

__device__ __forceinline__ void exchange(float* x, int* ticket, Exchange kind, bool ordered) {
  QUEST_DYNAMIC_SHARED(shared);
  float* tile = reinterpret_cast<float*>(shared);
  const int thread = threadIdx.x;
  const int other = kind == Exchange::kWarp ? thread ^ 1 : kind == Exchange::kHalfWarps ? thread ^ 16 : thread ^ 32;
  float* own = tile + thread * 4;  // 16 bytes
  switch (kind) {
    case Exchange::kBlock:
      own[0] = x[thread];
      if (ordered) {
        __syncthreads();
      }
      x[thread] = tile[other * 4];
      break;
    case Exchange::kOverwrite:
      own[0] = x[thread];
      __syncthreads();
      x[thread] = tile[other * 4];
      if (ordered) {
        __syncthreads();
      }
      own[0] = 0.0f;
      break;
    case Exchange::kWarp:
      own[0] = x[thread];
      if (ordered) {
        __syncwarp();
      } else {
        __shfl_xor_sync(kAllLanes, thread, 1);
      }
      x[thread] = tile[other * 4];
      break;
    case Exchange::kHalfWarps:
      own[0] = x[thread];
      __syncwarp(ordered ? kAllLanes : thread % kWarp < 16 ? 0xffffu : 0xffff0000u);
      x[thread] = tile[other * 4];
      break;
    case Exchange::kSameValue:
      if (thread == 0 || !ordered) {
        tile[0] = 1.0f;
      }
      break;
    case Exchange::kOwnCopy:
    case Exchange::kOthersCopy:
      copyAsync(own, x + thread / 4 * 4, true);
      commitCopies();
      if (ordered || kind == Exchange::kOthersCopy) {
        waitCopies<0>();
      }
      if (ordered) {
        __syncthreads();
      }
      x[64 + thread] = kind == Exchange::kOwnCopy ? own[0] : tile[other * 4];
      waitCopies<0>();
      break;
    case Exchange::kReturn:
      copyAsync(own, x + thread / 4 * 4, true);
      commitCopies();
      if (ordered) {
        waitCopies<0>();
      }
      break;
    case Exchange::kTicket: {
      __shared__ int before;
      x[blockIdx.x * 64 + thread] = 1.0f;
      __syncthreads();
      if (thread == 0) {
        if (ordered) {
          __threadfence();
        }
        before = atomicAdd(ticket, 1);
        if (ordered) {
          __threadfence();
        }
      }
      __syncthreads();
      if (before == static_cast<int>(gridDim.x) - 1) {
        for (int b = 0; b < static_cast<int>(gridDim.x); b++) {
          x[gridDim.x * 64 + thread] = x[b * 64 + thread];
        }
      }
      break;
    }
    case Exchange::kCount:
      if (thread == 0) {
        *ticket = 0;
      }
      __syncthreads();
      atomicAdd(ticket, 1);
      if (ordered) {
        __syncthreads();
      }
      x[thread] = static_cast<float>(*ticket);
      break;
    case Exchange::kReset:
      if (thread == 0) {
        *ticket = 0;
      }
      if (ordered) {
        __syncthreads();
      }
      atomicAdd(ticket, 1);
      break;
    case Exchange::kPastShared:
      x[thread] = tile[ordered ? 4095 : 4096];
      break;
    case Exchange::kMisaligned:
      copyAsync(own, x + thread / 4 * 4 + (ordered ? 0 : 1), true);
      commitCopies();
      waitCopies<0>();
      break;
    case Exchange::kNeighbours:
      shared[thread] = static_cast<unsigned char>(thread);
      break;
    default:
      break;
  }
}

#ifdef QUEST_HAS_WGMMA

/** A product of two tiles of ones, 128 threads: x becomes 16. */
__device__ __forceinline__ void multiply(float* x, Exchange kind, bool ordered) {
  QUEST_DYNAMIC_SHARED(shared);
  unsigned char* tiles = shared + (1024 - sharedAddress(shared) % 1024) % 1024;
  bf16* ones = reinterpret_cast<bf16*>(tiles);
  for (int i = threadIdx.x; i < 80 * kWgmmaDepth; i += blockDim.x) {
    ones[i] = fromFloat<bf16>(1.0f);
  }
  if (ordered || kind != Exchange::kPublish) {
    publishCopies();
  }
  __syncthreads();
  float sums[8] = {};
  beginWgmma();
  wgmma<16>(sums, wgmmaTile(tiles), wgmmaTile(tiles + 64 * kWgmmaRowBytes));
  commitWgmma();
  if (ordered || kind != Exchange::kProducts) {
    waitWgmma<0>();
  }
  x[threadIdx.x] = sums[0];
  waitWgmma<0>();
}

#endif

}  // namespace quest

extern "C" __global__ void __launch_bounds__(256) testdriver_add(float* x, const float* y, int count) {
  for (int i = threadIdx.x; i < count; i += blockDim.x) {
    x[i] += y[i];
  }
}

extern "C" __global__ void __launch_bounds__(128) testdriver_exchange(float* x, int* ticket, int kind, int ordered) {
  const quest::Exchange which = static_cast<quest::Exchange>(kind);
  if (which == quest::Exchange::kPublish || which == quest::Exchange::kProducts) {
    quest::multiply(x, which, ordered != 0);
  } else {
    quest::exchange(x, ticket, which, ordered != 0);
  }
}
