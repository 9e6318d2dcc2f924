// A libcublas.so.12 of the few functions that engine.ops.cuda calls, in plain double precision, on the test driver's
// streams: so that the arguments of the cuBLAS path (transposes, strides, types) are tested without cuBLAS.
#include <cstddef>
#include <cstdint>
#include <cstring>

// Exported by the test driver.
extern "C" int questQueue(void* stream, void (*run)(const void*), const void* argument, size_t bytes);
extern "C" void* questDeviceMemory(uint64_t pointer, size_t bytes);

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

// Values of cublasStatus_t, cublasOperation_t and cudaDataType_t (cuBLAS library reference).
enum Status { kSuccess = 0, kInvalidValue = 7, kExecutionFailed = 13, kNotSupported = 15 };
enum Operation { kPlain = 0, kTransposed = 1 };
enum Type { kFloat = 0, kHalf = 2, kBfloat16 = 14 };
constexpr int kComputeFloat = 68;
constexpr size_t kSmallestWorkspace = 4 << 20;  // without one, a captured GEMM would allocate

struct Handle {
  void* stream = nullptr;
  bool workspace = false;
};

struct Gemm {
  int m, n, k;
  float alpha, beta;
  bool transposedA, transposedB;
  const unsigned char *a, *b;
  unsigned char* c;
  int typeAb, typeC;
  int64_t lda, ldb, ldc;
};

size_t bytesOf(int type) { return type == kFloat ? 4 : 2; }

double load(const unsigned char* base, int type, int64_t index) {
  if (type == kFloat) {
    float value;
    std::memcpy(&value, base + 4 * index, 4);
    return value;
  }
  uint16_t bits;
  std::memcpy(&bits, base + 2 * index, 2);
  uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &wide, 4);
  return value;
}

void store(unsigned char* base, int type, int64_t index, double result) {
  float value = static_cast<float>(result);
  if (type == kFloat) {
    std::memcpy(base + 4 * index, &value, 4);
    return;
  }
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  uint16_t narrow = static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
  std::memcpy(base + 2 * index, &narrow, 2);
}

/** C (m, n) = alpha op(A) op(B) + beta C, all column by column. */
void run(const void* argument) {
  const Gemm& g = *static_cast<const Gemm*>(argument);
  for (int column = 0; column < g.n; column++) {
    for (int row = 0; row < g.m; row++) {
      double sum = 0;
      for (int i = 0; i < g.k; i++) {
        int64_t atA = g.transposedA ? i + row * g.lda : row + i * g.lda;
        int64_t atB = g.transposedB ? column + i * g.ldb : i + column * g.ldb;
        sum += load(g.a, g.typeAb, atA) * load(g.b, g.typeAb, atB);
      }
      int64_t at = row + column * g.ldc;
      double before = g.beta == 0 ? 0 : g.beta * load(g.c, g.typeC, at);
      store(g.c, g.typeC, at, g.alpha * sum + before);
    }
  }
}

/** Bytes from a matrix's first element to its last. */
size_t span(int rows, int cols, int64_t stride, int type) {
  return (static_cast<size_t>(cols - 1) * static_cast<size_t>(stride) + static_cast<size_t>(rows)) * bytesOf(type);
}

}  // namespace

EXPORT int cublasCreate_v2(void** handle) {
  *handle = new Handle();
  return kSuccess;
}

EXPORT int cublasDestroy_v2(void* handle) {
  delete static_cast<Handle*>(handle);
  return kSuccess;
}

EXPORT int cublasGetVersion_v2(void*, int* version) {
  *version = 120600;
  return kSuccess;
}

EXPORT int cublasSetStream_v2(void* handle, void* stream) {
  static_cast<Handle*>(handle)->stream = stream;
  static_cast<Handle*>(handle)->workspace = false;  // as in cuBLAS: back to its own
  return kSuccess;
}

EXPORT int cublasSetWorkspace_v2(void* handle, void* workspace, size_t bytes) {
  bool usable = questDeviceMemory(reinterpret_cast<uint64_t>(workspace), bytes) != nullptr;
  static_cast<Handle*>(handle)->workspace = usable && bytes >= kSmallestWorkspace;
  return usable ? kSuccess : kInvalidValue;
}

EXPORT int cublasGemmEx(void* handle, int operationA, int operationB, int m, int n, int k, const void* alpha,
                        const void* a, int typeA, int lda, const void* b, int typeB, int ldb, const void* beta,
                        void* c, int typeC, int ldc, int computeType, int) {
  const Handle& h = *static_cast<Handle*>(handle);
  bool types = typeA == typeB && ((typeA == kFloat && typeC == kFloat) ||
                                  (typeA == kBfloat16 && (typeC == kFloat || typeC == kBfloat16)));
  if (!types || computeType != kComputeFloat || !h.workspace) {
    return kNotSupported;
  }
  Gemm g = {};
  g.m = m;
  g.n = n;
  g.k = k;
  std::memcpy(&g.alpha, alpha, 4);
  std::memcpy(&g.beta, beta, 4);
  g.transposedA = operationA == kTransposed;
  g.transposedB = operationB == kTransposed;
  int rowsA = g.transposedA ? k : m, colsA = g.transposedA ? m : k;
  int rowsB = g.transposedB ? n : k, colsB = g.transposedB ? k : n;
  if (m < 1 || n < 1 || k < 1 || lda < rowsA || ldb < rowsB || ldc < m) {
    return kInvalidValue;
  }
  g.a = static_cast<unsigned char*>(questDeviceMemory(reinterpret_cast<uint64_t>(a), span(rowsA, colsA, lda, typeA)));
  g.b = static_cast<unsigned char*>(questDeviceMemory(reinterpret_cast<uint64_t>(b), span(rowsB, colsB, ldb, typeB)));
  g.c = static_cast<unsigned char*>(questDeviceMemory(reinterpret_cast<uint64_t>(c), span(m, n, ldc, typeC)));
  if (g.a == nullptr || g.b == nullptr || g.c == nullptr) {
    return kExecutionFailed;
  }
  g.typeAb = typeA;
  g.typeC = typeC;
  g.lda = lda;
  g.ldb = ldb;
  g.ldc = ldc;
  return questQueue(h.stream, run, &g, sizeof g) == 0 ? kSuccess : kExecutionFailed;
}
