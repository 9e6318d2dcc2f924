#include "kernel_table.h"

#include <cstring>

namespace testdriver {
namespace {

Kernel* first;  // zero before any registration runs, whatever the order of the files

}  // namespace

void addKernel(Kernel* kernel) {
  kernel->next = first;
  first = kernel;
}

Kernel* findKernel(const char* name) {
  for (Kernel* kernel = first; kernel != nullptr; kernel = kernel->next) {
    if (std::strcmp(kernel->name, name) == 0) {
      return kernel;
    }
  }
  return nullptr;
}

}  // namespace testdriver
