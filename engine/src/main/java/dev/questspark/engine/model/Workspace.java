package dev.questspark.engine.model;

import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.ops.Buffer;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.TensorShape;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.BlockListShape;
import dev.questspark.engine.select.PageSelector;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;

/**
 * Every activation buffer of the forward pass, allocated once per engine. R = rows per step, F =
 * rows in the feed-forward block at a time, Z = rows whose logits are read, W = rows selected at a
 * time, U = units of a sequence, which are digest blocks, or tokens where a selector needs them.
 */
final class Workspace implements AutoCloseable {
  /**
   * Rows whose pages are selected at a time: enough to keep all cores busy, few enough that the
   * scores of a long context stay in cache.
   */
  static final int SELECT_ROWS = 32;

  final Tensor hidden; // (R, H) residual stream
  final Tensor normed; // (R, H)
  final Tensor branch; // (R, H), of models whose feed-forward reads what attention read
  final Tensor qkv; // (R, (Hq + 2 Hkv) * D)
  final Tensor attended; // (R, Hq * D)
  final Tensor logSumExp; // (R, Hq)
  final Tensor gateUp; // (F, 2 I), or (F, I) without a gate
  final Tensor activated; // (F, I)
  final Experts experts; // of models that have any, else null
  final Tensor lastHidden; // (Z, H)
  final Tensor lastAttended; // (Z, Hq * D)
  final Tensor logits; // (Z, vocabulary)
  final PageSelector.Scratch scratch; // (W * Hkv, U) and, where needed, (W * Hq, U)
  final PageList pages; // (W, Hkv, U)
  final BlockList blocks; // of engines whose documents have any, else null
  final Tensor blockScores; // (segments * Hkv, blocks)

  private final List<Buffer> buffers = new ArrayList<>();

  Workspace(
      Backend backend,
      ModelConfig config,
      int maxRows,
      int maxLogitRows,
      int maxUnits,
      boolean perHead,
      Optional<BlockListShape> blockLists) {
    DType act = backend.activationDType();
    int hiddenSize = config.hiddenSize();
    int queryWidth = config.queryCols();
    int innerSize = config.intermediateSize();
    int upSize = config.activation().gated() ? 2 * innerSize : innerSize;
    int innerRows = Math.min(maxRows, backend.feedForwardRows());
    Iterator<Tensor> tensors =
        backend
            .allocateAll(
                List.of(
                    new TensorShape(act, maxRows, hiddenSize),
                    new TensorShape(act, maxRows, hiddenSize),
                    new TensorShape(act, config.block().parallel() ? maxRows : 1, hiddenSize),
                    new TensorShape(act, maxRows, queryWidth + 2 * config.kvCols()),
                    new TensorShape(act, maxRows, queryWidth),
                    new TensorShape(DType.F32, maxRows, config.heads()),
                    new TensorShape(act, innerRows, upSize),
                    new TensorShape(act, innerRows, innerSize),
                    new TensorShape(act, maxLogitRows, hiddenSize),
                    new TensorShape(act, maxLogitRows, queryWidth),
                    new TensorShape(DType.F32, maxLogitRows, config.vocabSize()),
                    new TensorShape(DType.F32, SELECT_ROWS * config.kvHeads(), maxUnits),
                    new TensorShape(
                        DType.F32, SELECT_ROWS * (perHead ? config.heads() : 0), maxUnits),
                    new TensorShape(
                        DType.F32,
                        blockLists.map(BlockListShape::lists).orElse(0),
                        blockLists.map(BlockListShape::maxBlocks).orElse(1))))
            .iterator();
    hidden = keep(tensors.next());
    normed = keep(tensors.next());
    branch = keep(tensors.next());
    qkv = keep(tensors.next());
    attended = keep(tensors.next());
    logSumExp = keep(tensors.next());
    gateUp = keep(tensors.next());
    activated = keep(tensors.next());
    lastHidden = keep(tensors.next());
    lastAttended = keep(tensors.next());
    logits = keep(tensors.next());
    Tensor scores = keep(tensors.next());
    Tensor headScores = keep(tensors.next());
    blockScores = keep(tensors.next());
    scratch =
        new PageSelector.Scratch(scores, perHead ? Optional.of(headScores) : Optional.empty());
    experts =
        config.block().experts().map(e -> experts(backend, e, hiddenSize, innerRows)).orElse(null);
    pages = backend.allocatePageList(SELECT_ROWS, config.kvHeads(), maxUnits);
    blocks = blockLists.map(backend::allocateBlockList).orElse(null);
  }

  /**
   * What a mixture of experts needs: k = experts per token, E = experts, I = channels of one.
   *
   * @param logits (F, E)
   * @param choice (F, 2 k)
   * @param gateUp (F * k, 2 I)
   * @param activated (F * k, I)
   * @param down (F * k, H)
   */
  record Experts(
      int perToken, Tensor logits, Tensor choice, Tensor gateUp, Tensor activated, Tensor down) {}

  private Experts experts(Backend backend, ModelConfig.Experts experts, int hidden, int rows) {
    DType act = backend.activationDType();
    int perToken = experts.perToken();
    int pairs = Math.multiplyExact(rows, perToken);
    Iterator<Tensor> tensors =
        backend
            .allocateAll(
                List.of(
                    new TensorShape(DType.F32, rows, experts.count()),
                    new TensorShape(DType.F32, rows, 2 * perToken),
                    new TensorShape(act, pairs, 2 * experts.intermediateSize()),
                    new TensorShape(act, pairs, experts.intermediateSize()),
                    new TensorShape(act, pairs, hidden)))
            .iterator();
    return new Experts(
        perToken,
        keep(tensors.next()),
        keep(tensors.next()),
        keep(tensors.next()),
        keep(tensors.next()),
        keep(tensors.next()));
  }

  private Tensor keep(Tensor tensor) {
    buffers.add(tensor.buffer());
    return tensor;
  }

  long bytes() {
    return buffers.stream().mapToLong(Buffer::bytes).sum();
  }

  @Override
  public void close() {
    buffers.forEach(Buffer::close);
    buffers.clear();
    pages.close();
    if (blocks != null) {
      blocks.close();
    }
  }
}
