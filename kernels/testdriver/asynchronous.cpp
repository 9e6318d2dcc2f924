#include "asynchronous.h"

#include <array>
#include <cstring>
#include <deque>
#include <vector>

#include "order.h"
#include "portable_cuda.h"
#include "races.h"

namespace testdriver {

namespace {

constexpr size_t kCopyBytes = 16;
constexpr unsigned char kNan = 0xff;

/** What a thread has started: groups that it has committed, oldest first, and one that it has not. */
template <typename Work>
struct Queue {
  std::deque<std::vector<Work>> committed;
  std::vector<Work> open;

  void commit() {
    committed.push_back(std::move(open));
    open.clear();
  }

  template <typename Do>
  void wait(int newest, Do finish) {
    while (committed.size() > static_cast<size_t>(newest)) {
      const std::vector<Work> group = std::move(committed.front());
      committed.pop_front();
      for (const Work& work : group) {
        finish(work);
      }
    }
  }

  void forget() {
    committed.clear();
    open.clear();
  }

  bool empty() const {
    for (const std::vector<Work>& group : committed) {
      if (!group.empty()) {
        return false;
      }
    }
    return open.empty();
  }
};

struct Copy {
  void* target;
  const void* source;  // null: zeros
};

// Never destroyed: at the JVM's exit another thread may still run kernels.
auto& copies = *new std::array<Queue<Copy>, kMaxThreads>;
auto& products = *new std::array<Queue<Product>, kMaxThreads>;

Queue<Copy>& ownCopies() { return copies[static_cast<size_t>(currentThread)]; }
Queue<Product>& ownProducts() { return products[static_cast<size_t>(currentThread)]; }

void land(const Copy& copy) {
  checkCopyEnd(copy.target, kCopyBytes);
  if (copy.source == nullptr) {
    std::memset(copy.target, 0, kCopyBytes);
  } else {
    checkRead(copy.source, kCopyBytes);
    std::memcpy(copy.target, copy.source, kCopyBytes);
  }
}

}  // namespace

void startCopy(void* shared, const void* global, bool present) {
  checkAligned(shared, "the target of an asynchronous copy");
  if (present) {
    checkAligned(global, "the source of an asynchronous copy");
  }
  checkCopyStart(shared, kCopyBytes);
  std::memset(shared, kNan, kCopyBytes);
  ownCopies().open.push_back({shared, present ? global : nullptr});
}

void commitCopies() { ownCopies().commit(); }

void waitCopies(int newest) { ownCopies().wait(newest, land); }

void startProduct(const Product& product) { ownProducts().open.push_back(product); }

void commitProducts() { ownProducts().commit(); }

void waitProducts(int newest) {
  ownProducts().wait(newest, [](const Product& product) { product.add(product); });
}

void forgetWork() {
  ownCopies().forget();
  ownProducts().forget();
}

bool workUnderWay() { return !ownCopies().empty() || !ownProducts().empty(); }

}  // namespace testdriver
