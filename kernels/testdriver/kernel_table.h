// The table of kernels that the build compiles in: what stands for a fatbin's symbols.
#pragma once

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

namespace testdriver {

/** One kernel: its parameters' sizes and kinds, and a call with packed arguments. */
struct Kernel {
  const char* name;
  int maxThreads;  // its __launch_bounds__
  int parameters;
  const uint8_t* bytes;     // per parameter
  const bool* pointers;     // per parameter
  void (*call)(const uint64_t* arguments);  // one 8-byte slot per parameter
  Kernel* next;
};

void addKernel(Kernel* kernel);
Kernel* findKernel(const char* name);

template <auto Function>
struct Caller;

template <typename... Parameters, void (*Function)(Parameters...)>
struct Caller<Function> {
  static_assert(((sizeof(Parameters) <= 8) && ...), "a parameter is a pointer or a number");
  static constexpr uint8_t bytes[] = {sizeof(Parameters)...};
  static constexpr bool pointers[] = {std::is_pointer_v<Parameters>...};

  template <typename T>
  static T argument(const uint64_t& slot) {
    T value;
    __builtin_memcpy(&value, &slot, sizeof value);
    return value;
  }

  template <size_t... I>
  static void unpack(const uint64_t* arguments, std::index_sequence<I...>) {
    Function(argument<Parameters>(arguments[I])...);
  }

  static void call(const uint64_t* arguments) { unpack(arguments, std::index_sequence_for<Parameters...>()); }

  static Kernel describe(const char* name, int maxThreads) {
    return {name, maxThreads, static_cast<int>(sizeof...(Parameters)), bytes, pointers, call, nullptr};
  }
};

struct Registration {
  Kernel kernel;
  explicit Registration(Kernel described) : kernel(described) { addKernel(&kernel); }
};

}  // namespace testdriver

#define QUEST_KERNEL(symbol, maxThreads) \
  static testdriver::Registration register_##symbol(testdriver::Caller<&symbol>::describe(#symbol, maxThreads));
