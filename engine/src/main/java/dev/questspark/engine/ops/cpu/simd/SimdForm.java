package dev.questspark.engine.ops.cpu.simd;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Which form of {@link SimdOps} this virtual machine runs; looked at once. */
public final class SimdForm {
  private static final Logger LOG = LoggerFactory.getLogger(SimdForm.class);

  /** The module of the Vector API, until it leaves incubation. */
  private static final String MODULE = "jdk.incubator.vector";

  private static final boolean VECTOR = find();

  private SimdForm() {}

  /** One object per worker, all of the same form. */
  public static SimdOps[] ofWorkers(int workers) {
    SimdOps[] simd = new SimdOps[workers];
    for (int i = 0; i < workers; i++) {
      simd[i] = VECTOR ? vectorOps() : new ScalarOps();
    }
    return simd;
  }

  private static boolean find() {
    if (ModuleLayer.boot().findModule(MODULE).isEmpty()) {
      LOG.warn(
          "attention runs in plain Java, decode two to three times slower: start Java with --add-modules={}",
          MODULE);
      return false;
    }
    SimdOps simd = vectorOps();
    if (!simd.worthwhile()) {
      LOG.warn("attention runs in plain Java: {} is too narrow here", simd.describe());
      return false;
    }
    LOG.info("attention runs on the {}", simd.describe());
    return true;
  }

  /** By name: the class refers to the module, and must not be loaded without it. */
  private static SimdOps vectorOps() {
    try {
      return (SimdOps)
          Class.forName(SimdForm.class.getPackageName() + ".VectorOps")
              .getDeclaredConstructor()
              .newInstance();
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("the Vector API is there, but VectorOps is not", e);
    }
  }
}
