package dev.questspark.engine.model.family;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * What stands between the projections of a feed-forward layer, with Hugging Face's names for it.
 */
public enum Activation {
  /** silu(gate) * up (SwiGLU, arXiv 2002.05202). */
  SILU(true, "silu", "swish"),
  /** gelu(gate) * up, in the approximation with tanh (arXiv 1606.08415, section 2). */
  GELU_TANH(true, "gelu_pytorch_tanh", "gelu_new"),
  /** max(0, up)^2, without a gate (arXiv 2109.08668). */
  RELU_SQUARED(false, "relu2"),
  /** A parabola above zero, an exponential below, with two trained numbers (arXiv 2411.13010). */
  XIELU(false, "xielu");

  private final boolean gated;
  private final List<String> names;

  Activation(boolean gated, String... names) {
    this.gated = gated;
    this.names = List.of(names);
  }

  /** Whether there are a gate and an up projection, or the latter alone. */
  public boolean gated() {
    return gated;
  }

  /** The activation of a name, if it is one of those with a gate, or one of those without. */
  static Optional<Activation> of(String name, boolean gated) {
    return Arrays.stream(values())
        .filter(a -> a.gated == gated && a.names.contains(name))
        .findFirst();
  }

  /** The names of those with a gate, or of those without, for messages. */
  static String known(boolean gated) {
    return Arrays.stream(values())
        .filter(a -> a.gated == gated)
        .flatMap(a -> a.names.stream())
        .collect(Collectors.joining(", "));
  }
}
