package dev.questspark.engine.model;

import dev.questspark.engine.cache.KvStore;
import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.TensorOps;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.select.SelectionScratch;
import java.util.List;
import java.util.Set;

/**
 * The forward pass of a Llama-shaped decoder (Llama, Mistral, Qwen2, Qwen3): pre-norm attention and
 * gated feed-forward on a residual stream, over a ragged batch. Letters as in {@link TensorOps}.
 */
public final class Decoder implements AutoCloseable {
  private final ModelConfig config;
  private final ModelWeights weights;
  private final KvStore kvStore;
  private final TensorOps ops;
  private final Workspace workspace;
  private final Attention attention;
  private final Tensor rope;

  /**
   * Allocates the workspace and uploads the rotary table.
   *
   * @param rope (most tokens per sequence, D), see {@link RopeTable}
   * @param maxRows most rows per step
   * @param maxLogitRows most rows per step whose logits are read
   * @param scratch what the selectors of later steps need
   */
  public Decoder(
      Backend backend,
      ModelConfig config,
      ModelWeights weights,
      KvStore kvStore,
      HostTensor rope,
      int maxRows,
      int maxLogitRows,
      Set<SelectionScratch> scratch) {
    this.config = config;
    this.weights = weights;
    this.kvStore = kvStore;
    this.ops = backend.ops();
    this.workspace =
        new Workspace(
            backend,
            config,
            maxRows,
            maxLogitRows,
            kvStore.geometry().pagesFor(rope.rows())
                * (scratch.contains(SelectionScratch.TOKEN_LISTS)
                    ? kvStore.geometry().pageSize()
                    : kvStore.geometry().blocksPerPage()),
            scratch.contains(SelectionScratch.HEAD_SCORES));
    this.attention = new Attention(backend, workspace, config.attentionScale());
    this.rope = backend.upload(rope);
  }

  /**
   * Runs one step: appends every row's key and value to the cache and computes the logits of the
   * batch's {@code logitRows}.
   *
   * @param groups how the rows attend; they cover the rows in order
   * @param groupNanos attention time per group, added to
   * @return logits (logit rows, vocabulary), valid until the next step
   */
  public Tensor forward(LoadedBatch batch, List<AttentionGroup> groups, long[] groupNanos) {
    return forward(batch, groups, groupNanos, config.layers());
  }

  /**
   * Runs a step through the first and the last layer alone: everything that a step compiles and
   * sets up, without the time that all layers take. It writes to the batch's pages; its logits mean
   * nothing.
   */
  public void warmUp(LoadedBatch batch, List<AttentionGroup> groups) {
    forward(batch, groups, new long[groups.size()], Math.min(2, config.layers()));
  }

  /**
   * @param layers how many run: the first ones, and the last
   */
  private Tensor forward(
      LoadedBatch batch, List<AttentionGroup> groups, long[] groupNanos, int layers) {
    int rows = batch.host().rows();
    int logitRows = batch.host().logitRows().length;
    Tensor x = workspace.hidden.rows(0, rows);
    ops.embed(x, weights.embedding(), batch);
    int last = config.layers() - 1;
    Tensor normed = workspace.normed.rows(0, rows);
    ops.rmsNorm(normed, x, weights.layers().get(0).attentionNorm(), config.rmsNormEps());
    for (int layer = 0; layer < layers - 1; layer++) {
      attend(layer, normed, batch, groups, false, groupNanos);
      Tensor attended = workspace.attended.rows(0, rows);
      int next = layer < layers - 2 ? layer + 1 : last;
      Tensor nextNorm = weights.layers().get(next).attentionNorm();
      feedForward(weights.layers().get(layer), x, attended, nextNorm);
    }
    // The last layer's output is read at the logit rows only: every row still appends its key and
    // value, but the projections after attention run on those rows alone.
    attend(last, normed, batch, groups, true, groupNanos);
    if (logitRows == 0) {
      return workspace.logits.rows(0, 0);
    }
    Tensor y = workspace.lastHidden.rows(0, logitRows);
    Tensor attended = workspace.lastAttended.rows(0, logitRows);
    ops.gatherRows(y, x, batch);
    ops.gatherRows(attended, workspace.attended.rows(0, rows), batch);
    feedForward(weights.layers().get(last), y, attended, weights.finalNorm());
    Tensor logits = workspace.logits.rows(0, logitRows);
    ops.linear(logits, normed.rows(0, logitRows), weights.lmHead());
    return logits;
  }

  /** Projects the normed rows (R, H) to queries, keys and values, appends the latter, attends. */
  private void attend(
      int layer,
      Tensor normed,
      LoadedBatch batch,
      List<AttentionGroup> groups,
      boolean logitsOnly,
      long[] groupNanos) {
    LayerWeights w = weights.layers().get(layer);
    int queryWidth = config.queryCols();
    int kvWidth = config.kvCols();
    Tensor qkv = workspace.qkv.rows(0, normed.rows());
    ops.linear(qkv, normed, w.qkv());
    Tensor q = qkv.cols(0, queryWidth);
    Tensor k = qkv.cols(queryWidth, queryWidth + kvWidth);
    Tensor v = qkv.cols(queryWidth + kvWidth, queryWidth + 2 * kvWidth);
    if (w.qkNorm().isPresent()) {
      ops.rmsNorm(q, q, w.qkNorm().get().query(), config.rmsNormEps());
      ops.rmsNorm(k, k, w.qkNorm().get().key(), config.rmsNormEps());
    }
    KvLayer kv = kvStore.layer(layer);
    ops.appendKv(kv, q, k, v, rope, batch);
    attention.attend(layer, q, kv, batch, groups, logitsOnly, groupNanos);
  }

  /**
   * x += o(attended); x += down(silu(gate) * up), for x (r, H) and attended (r, Hq * D). Leaves x's
   * first r rows under the norm of what comes next in the workspace's {@code normed}.
   */
  private void feedForward(LayerWeights w, Tensor x, Tensor attended, Tensor nextNorm) {
    Tensor normed = workspace.normed.rows(0, x.rows());
    ops.linear(normed, attended, w.output());
    ops.addRmsNorm(normed, x, normed, w.mlpNorm(), config.rmsNormEps());
    int rowsAtOnce = workspace.gateUp.rows();
    for (int from = 0; from < x.rows(); from += rowsAtOnce) {
      Tensor part = normed.rows(from, Math.min(x.rows(), from + rowsAtOnce));
      Tensor gateUp = workspace.gateUp.rows(0, part.rows());
      ops.linear(gateUp, part, w.gateUp());
      Tensor activated = workspace.activated.rows(0, part.rows());
      ops.siluMul(activated, gateUp);
      ops.linear(part, activated, w.down());
    }
    ops.addRmsNorm(normed, x, normed, nextNorm, config.rmsNormEps());
  }

  /** Bytes of activation buffers and rotary table. */
  public long workspaceBytes() {
    return workspace.bytes() + rope.buffer().bytes();
  }

  @Override
  public void close() {
    workspace.close();
    rope.buffer().close();
  }
}
