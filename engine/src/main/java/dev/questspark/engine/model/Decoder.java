package dev.questspark.engine.model;

import dev.questspark.engine.cache.KvStore;
import dev.questspark.engine.model.family.Activation;
import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.model.family.QkNorm;
import dev.questspark.engine.model.rope.RopeConfig;
import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.TensorOps;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.prefill.BlockListShape;
import dev.questspark.engine.ops.prefix.PrefixGeometry;
import dev.questspark.engine.select.SelectionScratch;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/**
 * The forward pass of a decoder over a ragged batch: attention and feed-forward on a residual
 * stream, with the norms, factors and activations that {@link ModelConfig} describes. Letters as in
 * {@link TensorOps}.
 */
public final class Decoder implements AutoCloseable {
  private static final QueryWatch UNWATCHED = (layer, q, kv) -> {};

  private final ModelConfig config;
  private final ModelWeights weights;
  private final KvStore kvStore;
  private final TensorOps ops;
  private final Workspace workspace;
  private final Attention attention;
  private final Map<RopeConfig, Tensor> ropes = new HashMap<>();

  /**
   * Allocates the workspace and uploads the rotary tables.
   *
   * @param maxModelLen most tokens per sequence
   * @param rope the table (maxModelLen, D) of each embedding that a layer has
   * @param maxRows most rows per step
   * @param maxLogitRows most rows per step whose logits are read
   * @param scratch what the selectors of later steps need
   * @param blockLists room for lists of key blocks, where documents' rows attend to any
   */
  public Decoder(
      Backend backend,
      ModelConfig config,
      ModelWeights weights,
      KvStore kvStore,
      int maxModelLen,
      Function<RopeConfig, HostTensor> rope,
      int maxRows,
      int maxLogitRows,
      Set<SelectionScratch> scratch,
      Optional<BlockListShape> blockLists) {
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
            Math.max(
                PrefixGeometry.pagesFor(maxModelLen),
                kvStore.geometry().pagesFor(maxModelLen)
                    * (scratch.contains(SelectionScratch.TOKEN_LISTS)
                        ? kvStore.geometry().pageSize()
                        : kvStore.geometry().blocksPerPage())),
            scratch.contains(SelectionScratch.HEAD_SCORES),
            blockLists);
    this.attention =
        new Attention(backend, workspace, config.attentionScale(), config.scales().attentionCap());
    for (int layer = 0; layer < config.layers(); layer++) {
      ropes.computeIfAbsent(config.rope(layer), kind -> backend.upload(rope.apply(kind)));
    }
  }

  /** A decoder whose document rows all attend densely. */
  public Decoder(
      Backend backend,
      ModelConfig config,
      ModelWeights weights,
      KvStore kvStore,
      int maxModelLen,
      Function<RopeConfig, HostTensor> rope,
      int maxRows,
      int maxLogitRows,
      Set<SelectionScratch> scratch) {
    this(
        backend,
        config,
        weights,
        kvStore,
        maxModelLen,
        rope,
        maxRows,
        maxLogitRows,
        scratch,
        Optional.empty());
  }

  /**
   * Runs one step: appends every row's key and value to the cache and computes the logits of the
   * batch's {@code logitRows}. The batch's clock times attention: see {@link Attention#attend}.
   *
   * @param groups how the rows attend; they cover the rows in order
   * @return logits (logit rows, vocabulary), valid until the next step
   */
  public Tensor forward(LoadedBatch batch, List<AttentionGroup> groups) {
    return forward(batch, groups, config.layers(), UNWATCHED);
  }

  /**
   * Runs a step through the first and the last layer alone: everything that a step compiles and
   * sets up, without the time that all layers take. It writes to the batch's pages; its logits mean
   * nothing.
   */
  public void warmUp(LoadedBatch batch, List<AttentionGroup> groups) {
    forward(batch, groups, Math.min(2, config.layers()), UNWATCHED);
  }

  /**
   * What some rows of a batch attend to, added up.
   *
   * @param mass (layers * Hq, columns), as {@link TensorOps#columnMass} fills it, layer by layer
   * @param rows of one sequence
   * @param add to what the mass holds; otherwise in its place
   */
  public record KeyMass(Tensor mass, RowRange rows, boolean add) {}

  /**
   * Runs rows, which attend densely, through the first layers alone, over a cache of their own. Of
   * the last of these layers nothing is computed but queries, keys and values.
   *
   * @param layers how many, at least 1
   * @param cache of at least so many layers
   * @param watched what to add up, of layers that see the whole sequence
   */
  public void read(LoadedBatch batch, int layers, KvStore cache, Optional<KeyMass> watched) {
    read(batch, layers, cache, adding(watched, batch));
  }

  /**
   * Runs rows, which attend densely, through all layers over the decoder's own cache.
   *
   * @param watched what to add up, of layers that see the whole sequence
   * @return logits (logit rows, vocabulary), valid until the next step
   */
  public Tensor readToLogits(LoadedBatch batch, Optional<KeyMass> watched) {
    return forward(batch, dense(batch), config.layers(), adding(watched, batch));
  }

  private QueryWatch adding(Optional<KeyMass> watched, LoadedBatch batch) {
    int heads = config.heads();
    return (layer, q, kv) -> {
      if (watched.isPresent() && kv.window() == 0) {
        KeyMass sums = watched.get();
        ops.columnMass(
            sums.mass.rows(layer * heads, (layer + 1) * heads),
            workspace.logSumExp,
            q,
            kv,
            batch,
            sums.rows,
            config.attentionScale(),
            config.scales().attentionCap(),
            sums.add);
      }
    };
  }

  private static List<AttentionGroup> dense(LoadedBatch batch) {
    RowRange rows = new RowRange(0, batch.host().rows());
    return List.of(new AttentionGroup.Prefill(rows, 0, batch.host().spans()));
  }

  /** Somebody who looks at a layer's rotated queries (R, Hq * D) before they attend. */
  @FunctionalInterface
  public interface QueryWatch {
    void see(int layer, Tensor q, KvLayer kv);
  }

  /**
   * The same with somebody who looks at every layer's queries, once its keys are stored.
   *
   * @param cache may be the decoder's own
   */
  public void read(LoadedBatch batch, int layers, KvStore cache, QueryWatch watch) {
    int rows = batch.host().rows();
    List<AttentionGroup> dense = dense(batch);
    Tensor x = embed(batch);
    Tensor input = firstInput(x);
    for (int layer = 0; layer < layers; layer++) {
      KvLayer kv = cache.layer(layer);
      Tensor q = project(layer, input, kv, batch);
      watch.see(layer, q, kv);
      if (layer + 1 < layers) {
        attention.attend(layer, q, kv, batch, dense, false);
        input =
            feedForward(
                weights.layers().get(layer),
                x,
                input,
                workspace.attended.rows(0, rows),
                weights.layers().get(layer + 1).norms().beforeAttention());
      }
    }
  }

  /** The residual stream (R, H) at its beginning. */
  private Tensor embed(LoadedBatch batch) {
    Tensor x = workspace.hidden.rows(0, batch.host().rows());
    ops.embed(x, weights.embedding(), batch);
    if (config.embeddingScale() != 1) {
      ops.scale(x, config.embeddingScale());
    }
    return x;
  }

  /** What the first layer's attention reads: x under its norm, or x itself. */
  private Tensor firstInput(Tensor x) {
    Optional<LayerWeights.Norm> first = weights.layers().get(0).norms().beforeAttention();
    if (first.isEmpty()) {
      return x;
    }
    Tensor input = workspace.normed.rows(0, x.rows());
    norm(input, x, first.get(), config.hiddenEps());
    return input;
  }

  /**
   * @param layers how many run: the first ones, and the last
   * @param watch looks at each of them
   */
  private Tensor forward(
      LoadedBatch batch, List<AttentionGroup> groups, int layers, QueryWatch watch) {
    int rows = batch.host().rows();
    int logitRows = batch.host().logitRows().length;
    Tensor x = embed(batch);
    int last = config.layers() - 1;
    Tensor input = firstInput(x);
    for (int layer = 0; layer < layers - 1; layer++) {
      attend(layer, input, batch, groups, false, watch);
      Tensor attended = workspace.attended.rows(0, rows);
      int next = layer < layers - 2 ? layer + 1 : last;
      input =
          feedForward(
              weights.layers().get(layer),
              x,
              input,
              attended,
              weights.layers().get(next).norms().beforeAttention());
    }
    // The last layer's output is read at the logit rows only: every row still appends its key and
    // value, but the projections after attention run on those rows alone.
    attend(last, input, batch, groups, true, watch);
    if (logitRows == 0) {
      return workspace.logits.rows(0, 0);
    }
    Tensor y = workspace.lastHidden.rows(0, logitRows);
    Tensor attended = workspace.lastAttended.rows(0, logitRows);
    ops.gatherRows(y, x, batch);
    ops.gatherRows(attended, workspace.attended.rows(0, rows), batch);
    if (config.block().parallel()) {
      Tensor gathered = other(input).rows(0, logitRows);
      ops.gatherRows(gathered, input, batch);
      input = gathered;
    }
    Tensor output =
        feedForward(
            weights.layers().get(last), y, input, attended, Optional.of(weights.finalNorm()));
    Tensor logits = workspace.logits.rows(0, logitRows);
    ops.linear(logits, output, weights.lmHead());
    if (config.scales().logitCap() != 0) {
      ops.softCap(logits, config.scales().logitCap());
    }
    return logits;
  }

  /** Projects the rows (R, H) to queries, keys and values, appends the latter, attends. */
  private void attend(
      int layer,
      Tensor input,
      LoadedBatch batch,
      List<AttentionGroup> groups,
      boolean logitsOnly,
      QueryWatch watch) {
    KvLayer kv = kvStore.layer(layer);
    Tensor q = project(layer, input, kv, batch);
    watch.see(layer, q, kv);
    attention.attend(layer, q, kv, batch, groups, logitsOnly);
  }

  /** Projects the rows (R, H) to queries, keys and values, and appends the latter. */
  private Tensor project(int layer, Tensor input, KvLayer kv, LoadedBatch batch) {
    LayerWeights w = weights.layers().get(layer);
    int queryWidth = config.queryCols();
    int kvWidth = config.kvCols();
    Tensor qkv = workspace.qkv.rows(0, input.rows());
    ops.linear(qkv, input, w.qkv());
    Tensor q = qkv.cols(0, queryWidth);
    Tensor k = qkv.cols(queryWidth, queryWidth + kvWidth);
    Tensor v = qkv.cols(queryWidth + kvWidth, queryWidth + 2 * kvWidth);
    float eps = config.block().norm().eps();
    boolean queriesLater = config.qkNorm() == QkNorm.HEAD_AFTER_ROTATION;
    if (w.qkNorm().isPresent()) {
      if (!queriesLater) {
        ops.rmsNorm(q, q, w.qkNorm().get().query(), eps);
      }
      ops.rmsNorm(k, k, w.qkNorm().get().key(), eps);
    }
    ops.appendKv(kv, q, k, v, ropes.get(config.rope(layer)), batch);
    if (queriesLater) {
      ops.rmsNorm(q, q, w.qkNorm().get().query(), eps);
    }
    return q;
  }

  /**
   * x += o(attended), x += feed-forward, for x (r, H) and attended (r, Hq * D).
   *
   * @param input (r, H) what attention read
   * @param next norm of what comes next
   * @return (r, H) what comes next reads: x under {@code next}, or x itself
   */
  private Tensor feedForward(
      LayerWeights w, Tensor x, Tensor input, Tensor attended, Optional<LayerWeights.Norm> next) {
    if (config.block().parallel()) {
      Tensor sum = other(input).rows(0, x.rows());
      ops.linear(sum, attended, w.output());
      ops.add(x, sum);
      feedForward(sum, input, w.feedForward());
      return add(x, sum, Optional.empty(), next);
    }
    Tensor sum = workspace.normed.rows(0, x.rows());
    ops.linear(sum, attended, w.output());
    Tensor mlpInput = add(x, sum, w.norms().afterAttention(), w.norms().beforeMlp());
    feedForward(sum, mlpInput, w.feedForward());
    return add(x, sum, w.norms().afterMlp(), next);
  }

  /** Of the two buffers that take what layers read, the one that {@code input} is not in. */
  private Tensor other(Tensor input) {
    return input.buffer() == workspace.normed.buffer() ? workspace.branch : workspace.normed;
  }

  /**
   * x += y, or x += norm(y).
   *
   * @return y, which then holds x under {@code before}, the norm of what comes next; or x
   */
  private Tensor add(
      Tensor x, Tensor y, Optional<LayerWeights.Norm> after, Optional<LayerWeights.Norm> before) {
    if (after.isPresent()) {
      norm(y, y, after.get(), config.block().norm().eps());
    }
    if (before.isEmpty()) {
      ops.add(x, y);
      return x;
    }
    if (before.get().bias().isPresent()) {
      ops.add(x, y);
      norm(y, x, before.get(), config.hiddenEps());
    } else {
      ops.addRmsNorm(y, x, y, before.get().weight(), config.hiddenEps());
    }
    return y;
  }

  private void norm(Tensor out, Tensor x, LayerWeights.Norm norm, float eps) {
    if (norm.bias().isPresent()) {
      ops.layerNorm(out, x, norm.weight(), norm.bias().get(), eps);
    } else {
      ops.rmsNorm(out, x, norm.weight(), eps);
    }
  }

  /** out = what the layer's feed-forward gives for input, a part of the rows at a time. */
  private void feedForward(Tensor out, Tensor input, LayerWeights.FeedForward weights) {
    int rowsAtOnce = workspace.gateUp.rows();
    for (int from = 0; from < input.rows(); from += rowsAtOnce) {
      int to = Math.min(input.rows(), from + rowsAtOnce);
      if (weights instanceof LayerWeights.Mlp mlp) {
        mlp(out.rows(from, to), input.rows(from, to), mlp);
      } else if (weights instanceof LayerWeights.Experts experts) {
        experts(out.rows(from, to), input.rows(from, to), experts);
      }
    }
  }

  /** out = down(activation(up(input))); {@code out} may be {@code input}. */
  private void mlp(Tensor out, Tensor input, LayerWeights.Mlp mlp) {
    Tensor up = workspace.gateUp.rows(0, input.rows());
    ops.linear(up, input, mlp.up());
    ops.linear(out, activated(up, mlp.curve()), mlp.down());
  }

  /** The same of the experts that the router chooses, weighed; {@code out} may be {@code input}. */
  private void experts(Tensor out, Tensor input, LayerWeights.Experts experts) {
    int rows = input.rows();
    int pairs = rows * workspace.experts.perToken();
    Tensor logits = workspace.experts.logits().rows(0, rows);
    Tensor choice = workspace.experts.choice().rows(0, rows);
    Tensor up = workspace.experts.gateUp().rows(0, pairs);
    Tensor activated = workspace.experts.activated().rows(0, pairs);
    Tensor down = workspace.experts.down().rows(0, pairs);
    ops.linear(logits, input, experts.router());
    ops.routeExperts(choice, logits, config.block().experts().orElseThrow().normalised());
    ops.linearExperts(up, input, choice, experts.up());
    ops.siluMul(activated, up);
    ops.linearExperts(down, activated, choice, experts.down());
    ops.mixExperts(out, down, choice);
  }

  /** The activation of [gate | up], or of up alone. */
  private Tensor activated(Tensor up, Optional<LayerWeights.Curve> curve) {
    if (curve.isPresent()) {
      ops.xielu(up, curve.get().square(), curve.get().exponential(), curve.get().slope());
      return up;
    }
    Tensor activated = workspace.activated.rows(0, up.rows());
    if (config.activation() == Activation.GELU_TANH) {
      ops.geluMul(activated, up);
    } else {
      ops.siluMul(activated, up);
    }
    return activated;
  }

  /** Bytes of activation buffers and rotary tables. */
  public long workspaceBytes() {
    return workspace.bytes()
        + ropes.values().stream().mapToLong(table -> table.buffer().bytes()).sum();
  }

  @Override
  public void close() {
    workspace.close();
    ropes.values().forEach(table -> table.buffer().close());
  }
}
