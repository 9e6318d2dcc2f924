package dev.questspark.engine.ops.cuda.driver;

import static dev.questspark.engine.ops.cuda.driver.KernelFamily.DIGEST;
import static dev.questspark.engine.ops.cuda.driver.KernelFamily.WEIGHT_OR_KV;
import static dev.questspark.engine.ops.cuda.driver.KernelFamily.byActAnd;
import static dev.questspark.engine.ops.cuda.driver.KernelFamily.byKv;
import static dev.questspark.engine.ops.cuda.driver.KernelFamily.one;

/** The kernels of the ops on prefixes, declared as {@link CudaKernels} declares the others. */
public final class PrefixKernels {
  /** Where a row finds its prefix. */
  private static final String TABLES = "const int* tables, const int* rowTables";

  /** Where a row finds its prefix, and its own place behind it. */
  private static final String ROWS =
      TABLES + ", const int* positions, int fromRow, int firstList, int lists";

  public static final KernelFamily ATTEND_PREFIX =
      byActAnd(
          DIGEST,
          "attend_prefix_{act}_{kv}",
          "{act}* out, float* logSumExp, unsigned long long* counters,"
              + " unsigned long long* prefixCounters, float* partOut, float* partState,"
              + " int* tickets, const {act}* q, const {kv}* pages, "
              + TABLES
              + ", const int* list, const int* listCount, int fromRow, int firstList, int lists,"
              + " int kvHeads, int headDim, int tile, int keyBits, int valueBits, int unit,"
              + " int group, int maxEntries, int qStride, int outStride, int lseStride,"
              + " float scale, float cap");

  public static final KernelFamily COLUMN_MAX =
      byActAnd(
          WEIGHT_OR_KV,
          "column_max_{act}_{kv}",
          "float* scores, const float* logSumExp, const {act}* q, const {kv}* keys, "
              + CudaKernels.ROWS
              + ", int rows, int kvHeads, int headDim, int pageSize, int group, int chunkFrom,"
              + " int chunkCount, int scoreStride, int qStride, float scale, float cap");

  public static final KernelFamily COLUMN_MAX_LSE =
      byActAnd(
          WEIGHT_OR_KV,
          "column_max_lse_{act}_{kv}",
          "float* logSumExp, const {act}* q, const {kv}* keys, "
              + CudaKernels.ROWS
              + ", int kvHeads, int headDim, int pageSize, int group, int first, int chunkFrom,"
              + " int chunkCount, int ownFrom, int qStride, float scale, float cap");

  public static final KernelFamily COMPRESS_PAGES = compressPages("", "{kv}");

  /** With 8-bit digests. */
  public static final KernelFamily COMPRESS_PAGES_I8 = compressPages("_i8", "i8");

  public static final Kernel KEEP_PREFIX =
      one(
          "keep_prefix",
          "int* list, int* listCount, "
              + ROWS
              + ", int maxEntries, int unit, "
              + CudaKernels.BUDGET);

  public static final KernelFamily SCORE_PREFIX =
      byActAnd(
          DIGEST,
          "score_prefix_{act}_{kv}",
          "float* scores, unsigned long long* counters, const {act}* q, const {kv}* digests, "
              + ROWS
              + ", int headDim, int unit, int tile, int group, int scoreStride, int qStride,"
              + " int score, int reduction, "
              + CudaKernels.BUDGET);

  public static final Kernel SOFTMAX_PREFIX =
      one(
          "softmax_prefix",
          "float* scores, const float* headScores, "
              + ROWS
              + ", int unit, int tile, int group, int scoreStride, int headStride, float scale, "
              + CudaKernels.BUDGET);

  public static final Kernel TOP_PREFIX =
      one(
          "top_prefix",
          "int* list, int* listCount, float* scores, "
              + ROWS
              + ", int maxEntries, int scoreStride, int unit, int tile, int cachedUnits, "
              + CudaKernels.BUDGET);

  private PrefixKernels() {}

  /** Declares them, if nobody has yet: loading the class does. */
  static void declare() {}

  private static KernelFamily compressPages(String suffix, String digest) {
    return byKv(
        "compress_pages_{kv}" + suffix,
        "unsigned char* pages, "
            + digest
            + "* minMax, "
            + digest
            + "* meanStd, const {kv}* keys, const {kv}* values, const int* jobs,"
            + " const int* livePages, const int* kept, int kvHeads, int headDim, int pageSize,"
            + " int tile, int keyBits, int valueBits");
  }
}
