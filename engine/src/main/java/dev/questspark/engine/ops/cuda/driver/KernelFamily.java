package dev.questspark.engine.ops.cuda.driver;

import dev.questspark.engine.ops.DType;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** One op's kernels, by the dtypes they are made for; and the table of all kernels. */
public final class KernelFamily {
  static final DType[] ACT = {DType.F32, DType.BF16};
  static final DType[] WEIGHT_OR_KV = {DType.F32, DType.BF16, DType.F16};
  static final DType[] DIGEST = {DType.F32, DType.BF16, DType.F16, DType.I8};

  private static final List<Kernel> DECLARED = new ArrayList<>();

  private final String symbol;
  private final Map<DType, Map<DType, Kernel>> kernels = new EnumMap<>(DType.class);

  KernelFamily(String symbol) {
    this.symbol = symbol;
  }

  KernelFamily with(DType act, DType second, Kernel kernel) {
    kernels.computeIfAbsent(act, key -> new EnumMap<>(DType.class)).put(second, kernel);
    return this;
  }

  /** The kernel for activations of a dtype. */
  public Kernel of(DType act) {
    return of(act, act);
  }

  /** The kernel for activations of one dtype and weights or a cache of another. */
  public Kernel of(DType act, DType second) {
    Kernel kernel = kernels.getOrDefault(act, Map.of()).get(second);
    if (kernel == null) {
      throw new IllegalArgumentException(
          "there is no kernel " + symbol + " for " + act + " and " + second);
    }
    return kernel;
  }

  /** All declared kernels, in order of their {@link Kernel#index}. */
  static List<Kernel> all() {
    return All.KERNELS;
  }

  /** Complete when first asked for. */
  private static final class All {
    static final List<Kernel> KERNELS = collect();

    private static List<Kernel> collect() {
      CudaKernels.declare();
      PrefixKernels.declare();
      return List.copyOf(DECLARED);
    }
  }

  /** Declares one kernel. */
  static Kernel one(String symbol, String parameters) {
    Kernel kernel = new Kernel(DECLARED.size(), symbol, Kernel.parameters(parameters));
    DECLARED.add(kernel);
    return kernel;
  }

  static KernelFamily byAct(String symbol, String parameters) {
    KernelFamily family = new KernelFamily(symbol);
    for (DType act : ACT) {
      family.declare(act, act, parameters);
    }
    return family;
  }

  static KernelFamily byActAnd(DType[] ofCache, String symbol, String parameters) {
    KernelFamily family = new KernelFamily(symbol);
    for (DType act : ACT) {
      for (DType kv : ofCache) {
        if (fits(act, kv)) {
          family.declare(act, kv, parameters);
        }
      }
    }
    return family;
  }

  static KernelFamily byActAndWeight(String symbol, String parameters) {
    KernelFamily family = new KernelFamily(symbol);
    for (DType act : ACT) {
      for (DType weight : WEIGHT_OR_KV) {
        if (act == DType.F32 || weight != DType.F16) {
          family.declare(act, weight, parameters);
        }
      }
    }
    return family;
  }

  /** Kernels that read the cache alone. */
  static KernelFamily byKv(String symbol, String parameters) {
    KernelFamily family = new KernelFamily(symbol);
    for (DType kv : WEIGHT_OR_KV) {
      family.declare(kv, kv, parameters);
    }
    return family;
  }

  /** Kernels made for one head_dim run on tensor cores, which have no float. */
  static KernelFamily byHeadDim(String symbol, String parameters, boolean tensorCores) {
    KernelFamily family = new KernelFamily(symbol);
    for (DType act : ACT) {
      for (DType kv : WEIGHT_OR_KV) {
        if (fits(act, kv) && (kv != DType.F32 || !tensorCores)) {
          family.declare(act, kv, parameters);
        }
      }
    }
    return family;
  }

  /** The same op for every head_dim that has kernels of its own. */
  static Map<Integer, KernelFamily> tiled(Function<String, KernelFamily> ofSuffix) {
    return Stream.of(64, 96, 128, 256)
        .collect(Collectors.toMap(headDim -> headDim, headDim -> ofSuffix.apply("_d" + headDim)));
  }

  /** A float cache under bf16 activations would be precision that the activations lack. */
  private static boolean fits(DType act, DType kv) {
    return act == DType.F32 || kv != DType.F32;
  }

  private void declare(DType act, DType second, String parameters) {
    String name =
        symbol
            .replace("{act}", act.toString())
            .replace("{kv}", second.toString())
            .replace("{w}", second.toString());
    String typed =
        parameters
            .replace("{act}", typeOf(act))
            .replace("{kv}", typeOf(second))
            .replace("{w}", typeOf(second));
    with(act, second, one(name, typed));
  }

  /** The C type of an element. */
  public static String typeOf(DType dtype) {
    return dtype == DType.F32 ? "float" : dtype.toString();
  }
}
