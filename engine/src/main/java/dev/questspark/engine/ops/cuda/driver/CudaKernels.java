package dev.questspark.engine.ops.cuda.driver;

import static dev.questspark.engine.ops.cuda.driver.KernelFamily.DIGEST;
import static dev.questspark.engine.ops.cuda.driver.KernelFamily.WEIGHT_OR_KV;
import static dev.questspark.engine.ops.cuda.driver.KernelFamily.byAct;
import static dev.questspark.engine.ops.cuda.driver.KernelFamily.byActAnd;
import static dev.questspark.engine.ops.cuda.driver.KernelFamily.byActAndWeight;
import static dev.questspark.engine.ops.cuda.driver.KernelFamily.byHeadDim;
import static dev.questspark.engine.ops.cuda.driver.KernelFamily.one;
import static dev.questspark.engine.ops.cuda.driver.KernelFamily.tiled;
import static dev.questspark.engine.ops.cuda.driver.KernelFamily.typeOf;

import dev.questspark.engine.ops.DType;
import java.util.Map;

/**
 * Every kernel's symbol and parameters: the only place that names either. The declarations are C,
 * so that they can be compared with the {@code .cu} files word by word. {@code {act}} is the dtype
 * of activations, {@code {kv}} that of the cache or its digests, {@code {w}} that of weights.
 */
public final class CudaKernels {

  /** Where a row finds its pages, as all kernels over the cache take it. */
  static final String ROWS =
      "const int* positions, const int* rowSpan, const int* spanPages, const int* pageTable, int fromRow";

  static final String BUDGET =
      "int budgetUnits, int sinkTokens, int recentTokens, int minContextTokens";

  public static final KernelFamily ADD =
      byAct("add_{act}", "{act}* x, const {act}* y, int channels, int xStride, int yStride");

  public static final KernelFamily ADD_RMS_NORM =
      byAct(
          "add_rms_norm_{act}",
          "{act}* out, {act}* x, const {act}* y, const float* weight, int channels, int outStride,"
              + " int xStride, int yStride, float eps");

  public static final KernelFamily APPEND_KV = appendKv("", "{kv}");

  /** With 8-bit digests. */
  public static final KernelFamily APPEND_KV_I8 = appendKv("_i8", "i8");

  public static final Kernel ARGMAX =
      one("argmax_f32", "int* tokens, const float* logits, int vocabulary, int logitStride");

  public static final KernelFamily ATTEND_PAGES = attendPages("");
  public static final Map<Integer, KernelFamily> ATTEND_PAGES_TILED =
      tiled(CudaKernels::attendPages);

  public static final KernelFamily ATTEND_PREFILL = attendPrefill("");
  public static final Map<Integer, KernelFamily> ATTEND_PREFILL_TILED =
      tiled(CudaKernels::attendPrefill);

  /** head_dim 128, on GPUs with {@link CudaDevice#warpgroups}. */
  public static final KernelFamily ATTEND_PREFILL_WG = attendPrefill("_d128_wg");

  public static final KernelFamily COLUMN_LSE =
      byActAnd(
          WEIGHT_OR_KV,
          "column_lse_{act}_{kv}",
          "float* logSumExp, const {act}* q, const {kv}* keys, "
              + ROWS
              + ", int kvHeads, int headDim, int pageSize, int group, int window, int qStride,"
              + " int lseStride, float scale, float cap");

  public static final KernelFamily COLUMN_MASS =
      byActAnd(
          WEIGHT_OR_KV,
          "column_mass_{act}_{kv}",
          "float* mass, const float* logSumExp, const {act}* q, const {kv}* keys, "
              + ROWS
              + ", int rows, int columns, int kvHeads, int headDim, int pageSize, int group,"
              + " int window, int massStride, int qStride, int lseStride, float scale, float cap,"
              + " int add");

  /** Parameters of attend_prefill with block lists. */
  private static final String ATTEND_SEGMENTS =
      "{act}* out, float* logSumExp, unsigned long long* counters, const {act}* q,"
          + " const {kv}* keys, const {kv}* values, const int* list, const int* listCount,"
          + " const int* segmentRows, const int* segmentStarts, const int* rowSpan,"
          + " const int* spanPages, const int* pageTable, int maxBlocks, int block, int kvHeads,"
          + " int headDim, int pageSize, int group, int qStride, int outStride, int lseStride,"
          + " float scale, float cap";

  public static final KernelFamily ATTEND_PREFILL_BLOCKS = attendPrefillBlocks("");
  public static final Map<Integer, KernelFamily> ATTEND_PREFILL_BLOCKS_TILED =
      tiled(CudaKernels::attendPrefillBlocks);

  /** head_dim 128, on GPUs with {@link CudaDevice#warpgroups}. */
  public static final KernelFamily ATTEND_PREFILL_BLOCKS_WG = attendPrefillBlocks("_d128_wg");

  public static final KernelFamily ATTEND_PREFILL_SKIP = attendPrefillSkip("");
  public static final Map<Integer, KernelFamily> ATTEND_PREFILL_SKIP_TILED =
      tiled(CudaKernels::attendPrefillSkip);

  /** head_dim 128, on GPUs with {@link CudaDevice#warpgroups}. */
  public static final KernelFamily ATTEND_PREFILL_SKIP_WG = attendPrefillSkip("_d128_wg");

  public static final Kernel COPY_PAGES =
      one(
          "copy_pages",
          "unsigned char* keys, unsigned char* values, unsigned char* minMax,"
              + " unsigned char* meanStd, const int* from, const int* to, long long pageBytes,"
              + " long long digestBytes");

  public static final KernelFamily EMBED =
      byActAndWeight(
          "embed_{act}_{w}",
          "{act}* out, const int* tokens, const {w}* table, int hidden, int outStride,"
              + " int tableStride");

  public static final KernelFamily GATHER_ROWS =
      byAct(
          "gather_rows_{act}",
          "{act}* out, const {act}* x, const int* logitRows, int hidden, int outStride, int xStride");

  public static final KernelFamily GELU_MUL =
      byAct(
          "gelu_mul_{act}",
          "{act}* out, const {act}* gateUp, int inner, int outStride, int gateUpStride");

  public static final Kernel KEEP_BLOCKS =
      one(
          "keep_blocks",
          "int* list, int* listCount, const int* segmentStarts, int maxBlocks, int block, int first,"
              + " int last");

  public static final Kernel MERGE_BLOCK_SUMS =
      one(
          "merge_block_sums",
          "float* logs, const float* sums, const int* segments, int segmentStride, int stride,"
              + " int most, int chunks, int rowStride, int group");

  public static final KernelFamily MIDPOINT_QUERIES =
      byActAnd(
          WEIGHT_OR_KV,
          "midpoint_queries_{act}_{kv}",
          "float* midpoints, const {act}* q, const int* segments, int segmentStride, int headDim,"
              + " int qStride");

  public static final Kernel MIX_MIDPOINTS =
      one(
          "mix_midpoints",
          "float* scores, const float* products, const int* segments, int segmentStride, int block,"
              + " int blocks, int scoreStride, float scale, float previous");

  public static final KernelFamily SCORE_MIDPOINTS =
      byActAnd(
          WEIGHT_OR_KV,
          "score_midpoints_{act}_{kv}",
          "float* products, const float* midpoints, const {kv}* keys, const int* segments,"
              + " const int* rowSpan, const int* spanPages, const int* pageTable,"
              + " int segmentStride, int kvHeads, int headDim, int pageSize, int block, int blocks,"
              + " int group");

  public static final KernelFamily SCORE_BLOCKS_SUMS = scoreBlocksSums("");
  public static final Map<Integer, KernelFamily> SCORE_BLOCKS_SUMS_TILED =
      tiled(CudaKernels::scoreBlocksSums);
  public static final KernelFamily SCORE_BLOCKS_WEIGHTS = scoreBlocksWeights("");
  public static final Map<Integer, KernelFamily> SCORE_BLOCKS_WEIGHTS_TILED =
      tiled(CudaKernels::scoreBlocksWeights);

  public static final Kernel TOP_BLOCKS =
      one(
          "top_blocks",
          "int* list, int* listCount, const float* scores, const int* segments, int segmentStride,"
              + " int maxBlocks, int block, int scoreStride, int most, long long enough,"
              + " long long whole");

  public static final Kernel KEEP_PAGES =
      one(
          "keep_pages",
          "int* list, int* listCount, "
              + ROWS
              + ", int maxEntries, int unit, int window, "
              + BUDGET);

  public static final KernelFamily LAYER_NORM =
      byAct(
          "layer_norm_{act}",
          "{act}* out, const {act}* x, const float* weight, const float* bias, int channels,"
              + " int outStride, int xStride, float eps");

  public static final KernelFamily LINEAR_EXPERTS =
      byActAndWeight(
          "linear_experts_{act}_{w}",
          "{act}* out, const {act}* x, const float* choice, const {w}* weight, int pairs,"
              + " int perRow, int shared, int outFeatures, int inFeatures, int outStride,"
              + " int xStride, int choiceStride, int weightStride");

  public static final Kernel LINEAR_F32 = linear("f32_f32_f32", "float", "float", "float");

  /** bf16 weights: out dtype and x dtype to the kernel of each tile shape. */
  public static final KernelFamily LINEAR_M16 = linear("_m16");

  public static final KernelFamily LINEAR_M64 = linear("_m64");
  public static final KernelFamily LINEAR_M128 = linear("_m128");

  /** bf16 x and weights, on GPUs with {@link CudaDevice#warpgroups}. */
  public static final KernelFamily LINEAR_WG = linearOfHalves("_wg");

  public static final KernelFamily LINEAR_WG_N16 = linearOfHalves("_wg_n16");
  public static final KernelFamily LINEAR_WG_N64 = linearOfHalves("_wg_n64");

  public static final Kernel MARK_TIME =
      one("mark_time", "unsigned long long* starts, unsigned long long* sums, int part, int stop");

  public static final KernelFamily MERGE_ATTENTION =
      byAct(
          "merge_attention_{act}",
          "{act}* out, float* logSumExp, const {act}* otherOut, const float* otherLogSumExp,"
              + " int headDim, int outStride, int lseStride, int otherOutStride, int otherLseStride");

  public static final KernelFamily MIX_EXPERTS =
      byAct(
          "mix_experts_{act}",
          "{act}* out, const {act}* x, const float* choice, int perRow, int channels,"
              + " int outStride, int xStride, int choiceStride");

  public static final KernelFamily RMS_NORM =
      byAct(
          "rms_norm_{act}",
          "{act}* out, const {act}* x, const float* weight, int channels, int outStride,"
              + " int xStride, float eps");

  public static final Kernel ROUTE_EXPERTS =
      one(
          "route_experts",
          "float* choice, const float* logits, int experts, int perRow, int normalise,"
              + " int choiceStride, int logitStride");

  public static final Kernel SAMPLE =
      one(
          "sample_f32",
          "int* tokens, float* logits, const int* rows, int vocabulary, int logitStride");

  public static final KernelFamily SCALE =
      byAct("scale_{act}", "{act}* x, int channels, int xStride, float factor");

  public static final KernelFamily SCORE_PAGES =
      byActAnd(
          DIGEST,
          "score_pages_{act}_{kv}",
          "float* scores, unsigned long long* counters, const {act}* q, const {kv}* digests, "
              + ROWS
              + ", int kvHeads, int headDim, int unit, int digestBlockSize, int blocksPerPage, int group,"
              + " int window, int scoreStride, int qStride, int score, int reduction, "
              + BUDGET);

  public static final KernelFamily SILU_MUL =
      byAct(
          "silu_mul_{act}",
          "{act}* out, const {act}* gateUp, int inner, int outStride, int gateUpStride");

  public static final Kernel SOFT_CAP =
      one("soft_cap_f32", "float* x, int channels, int xStride, float cap");

  public static final Kernel SOFTMAX_SCORES =
      one(
          "softmax_scores",
          "float* scores, const float* headScores, "
              + ROWS
              + ", int unit, int digestBlockSize, int group, int window, int scoreStride, int headStride,"
              + " float scale, "
              + BUDGET);

  /** One score per unit of the list. */
  public static final Kernel TOP_PAGES = topPages("");

  /** Several scores per unit of the list. */
  public static final Kernel TOP_PAGES_OF_PARTS = topPages("_of_parts");

  public static final KernelFamily XIELU =
      byAct(
          "xielu_{act}",
          "{act}* x, int channels, int xStride, float square, float exponential, float slope");

  private CudaKernels() {}

  /** Declares them, if nobody has yet: loading the class does. */
  static void declare() {}

  private static Kernel topPages(String suffix) {
    return one(
        "top_pages" + suffix,
        "int* list, int* listCount, const float* scores, "
            + ROWS
            + ", int maxEntries, int scoreStride, int unit, int scoredTokens, int window,"
            + " int cachedUnits, "
            + BUDGET);
  }

  private static KernelFamily appendKv(String suffix, String digest) {
    return byActAnd(
        WEIGHT_OR_KV,
        "append_kv_{act}_{kv}" + suffix,
        "{act}* q, {kv}* keys, {kv}* values, "
            + digest
            + "* minMax, "
            + digest
            + "* meanStd, const {act}* k, const {act}* v, const float* rope, const int* positions,"
            + " const int* ropePositions, const int* rowSpan, const int* spanRows, const int* spanPages, const int* pageTable,"
            + " int kvHeads, int headDim, int pageSize, int digestBlockSize, int group, int qStride,"
            + " int kStride, int vStride, int ropeStride");
  }

  private static KernelFamily attendPages(String suffix) {
    return byHeadDim(
        "attend_pages_{act}_{kv}" + suffix,
        "{act}* out, float* logSumExp, unsigned long long* counters, float* partOut,"
            + " float* partState, int* tickets, const {act}* q, const {kv}* keys,"
            + " const {kv}* values, const int* list, const int* listCount, "
            + ROWS
            + ", int kvHeads, int headDim, int pageSize, int unit, int group, int window,"
            + " int maxEntries, int qStride, int outStride, int lseStride, float scale, float cap",
        !suffix.isEmpty());
  }

  private static KernelFamily attendPrefill(String suffix) {
    return byHeadDim(
        "attend_prefill_{act}_{kv}" + suffix,
        "{act}* out, const {act}* q, const {kv}* keys, const {kv}* values, const int* positions,"
            + " const int* spanRows, const int* spanPages, const int* pageTable, int fromSpan,"
            + " int kvHeads, int headDim, int pageSize, int group, int window, int qStride,"
            + " int outStride, float scale, float cap",
        !suffix.isEmpty());
  }

  private static KernelFamily attendPrefillBlocks(String suffix) {
    return byHeadDim(
        "attend_prefill_blocks_{act}_{kv}" + suffix, ATTEND_SEGMENTS, !suffix.isEmpty());
  }

  private static KernelFamily attendPrefillSkip(String suffix) {
    return byHeadDim(
        "attend_prefill_skip_{act}_{kv}" + suffix,
        ATTEND_SEGMENTS + ", float margin",
        !suffix.isEmpty());
  }

  private static KernelFamily scoreBlocksSums(String suffix) {
    return byHeadDim(
        "score_blocks_sums_{act}_{kv}" + suffix,
        "float* sums, const {act}* q, const {kv}* keys, const int* segments, const int* rowSpan,"
            + " const int* spanPages, const int* pageTable, int segmentStride, int block,"
            + " int stride, int most, int chunks, int chunkTiles, int kvHeads, int headDim,"
            + " int pageSize, int group, int rowStride, int qStride, float scale, float cap",
        !suffix.isEmpty());
  }

  private static KernelFamily scoreBlocksWeights(String suffix) {
    return byHeadDim(
        "score_blocks_weights_{act}_{kv}" + suffix,
        "float* scores, const float* logs, const {act}* q, const {kv}* keys, const int* segments,"
            + " const int* rowSpan, const int* spanPages, const int* pageTable, int segmentStride,"
            + " int block, int stride, int most, int kvHeads, int headDim, int pageSize, int group,"
            + " int rowStride, int scoreStride, int qStride, float scale, float cap",
        !suffix.isEmpty());
  }

  private static KernelFamily linear(String shape) {
    return linearOfHalves(shape)
        .with(DType.F32, DType.F32, linear("f32_f32_bf16" + shape, "float", "float", "bf16"));
  }

  private static KernelFamily linearOfHalves(String shape) {
    KernelFamily family = new KernelFamily("linear_{out}_{act}_bf16" + shape);
    DType[][] outAndX = {{DType.F32, DType.BF16}, {DType.BF16, DType.BF16}};
    for (DType[] pair : outAndX) {
      String name = pair[0] + "_" + pair[1] + "_bf16" + shape;
      family.with(pair[0], pair[1], linear(name, typeOf(pair[0]), typeOf(pair[1]), "bf16"));
    }
    return family;
  }

  private static Kernel linear(String name, String out, String x, String weight) {
    return one(
        "linear_" + name,
        out
            + "* out, const "
            + x
            + "* x, const "
            + weight
            + "* weight, const float* bias, int rows, int outFeatures, int inFeatures,"
            + " int outStride, int xStride, int weightStride");
  }
}
