package dev.questspark.engine.ops.cpu.simd;

import static dev.questspark.engine.ops.cpu.simd.VectorLanes.FLOATS;
import static dev.questspark.engine.ops.cpu.simd.VectorLanes.INTS;
import static dev.questspark.engine.ops.cpu.simd.VectorLanes.LANES;
import static dev.questspark.engine.ops.cpu.simd.VectorLanes.broadcast;
import static dev.questspark.engine.ops.cpu.simd.VectorLanes.zero;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** The part of {@link VectorOps} that reads pairs of bf16 weights outside the Java heap. */
final class VectorPairOps {
  private static final int ODD = 0xffff0000;
  private static final int VECTOR = 16 * Integer.BYTES;

  /** Reads a vector of a view: (Object view, int byte) to IntVector; null if there is no way. */
  private static final MethodHandle READ;

  /** Makes a view: (Object buffer) to Object. */
  private static final MethodHandle VIEW;

  static {
    MethodHandle read = null;
    MethodHandle view = null;
    try {
      try { // Java 17 and 18
        read = reader("fromByteBuffer", ByteBuffer.class, int.class);
        view = MethodHandles.identity(Object.class);
      } catch (NoSuchMethodException e) {
        Class<?> segment = Class.forName("java.lang.foreign.MemorySegment");
        read = reader("fromMemorySegment", segment, long.class);
        view =
            MethodHandles.lookup()
                .findStatic(segment, "ofBuffer", MethodType.methodType(segment, Buffer.class))
                .asType(MethodType.methodType(Object.class, Object.class));
      }
    } catch (ReflectiveOperationException e) {
      read = null; // between the two
    }
    READ = read;
    VIEW = view;
  }

  private VectorPairOps() {}

  private static MethodHandle reader(String name, Class<?> memory, Class<?> offset)
      throws ReflectiveOperationException {
    MethodType type =
        MethodType.methodType(
            IntVector.class, VectorSpecies.class, memory, offset, ByteOrder.class);
    MethodHandle method = MethodHandles.lookup().findStatic(IntVector.class, name, type);
    method = MethodHandles.insertArguments(method, 3, ByteOrder.LITTLE_ENDIAN);
    method = MethodHandles.insertArguments(method, 0, INTS);
    return method.asType(MethodType.methodType(IntVector.class, Object.class, int.class));
  }

  /** {@link SimdOps#viewOfPairs}. */
  static Object view(ByteBuffer pairs) {
    if (READ == null || FLOATS.length() * Integer.BYTES != VECTOR) {
      return null;
    }
    try {
      return (Object) VIEW.invokeExact((Object) pairs);
    } catch (Throwable e) {
      throw new IllegalStateException("no view of native memory", e);
    }
  }

  private static IntVector read(Object pairs, int at) {
    try {
      return (IntVector) READ.invokeExact(pairs, at);
    } catch (Throwable e) {
      throw new IllegalStateException("no vector at byte " + at + " of a weight", e);
    }
  }

  /** {@link SimdOps#addPairs}. */
  static void addPairs(float[] sums, float[] x, Object pairs, int strip, int other, int blocks) {
    FloatVector sum0 = zero(), sum1 = zero(), sum2 = zero(), sum3 = zero();
    int at = strip;
    int to = other;
    int k = 0;
    for (int block = 0; block < blocks; block++) {
      FloatVector even0 = zero(), even1 = zero(), even2 = zero(), even3 = zero();
      FloatVector odd0 = zero(), odd1 = zero(), odd2 = zero(), odd3 = zero();
      for (int pair = 0; pair < SimdOps.PAIRS; pair++) {
        FloatVector x0 = broadcast(x[k]);
        FloatVector x1 = broadcast(x[k + 1]);
        IntVector w0 = read(pairs, at);
        even0 = even(w0).fma(x0, even0);
        odd0 = odd(w0).fma(x1, odd0);
        IntVector w1 = read(pairs, at + VECTOR);
        even1 = even(w1).fma(x0, even1);
        odd1 = odd(w1).fma(x1, odd1);
        IntVector w2 = read(pairs, to);
        even2 = even(w2).fma(x0, even2);
        odd2 = odd(w2).fma(x1, odd2);
        IntVector w3 = read(pairs, to + VECTOR);
        even3 = even(w3).fma(x0, even3);
        odd3 = odd(w3).fma(x1, odd3);
        at += 2 * VECTOR;
        to += 2 * VECTOR;
        k += 2;
      }
      sum0 = sum0.add(even0.add(odd0));
      sum1 = sum1.add(even1.add(odd1));
      sum2 = sum2.add(even2.add(odd2));
      sum3 = sum3.add(even3.add(odd3));
    }
    sum0.intoArray(sums, 0);
    sum1.intoArray(sums, LANES);
    sum2.intoArray(sums, 2 * LANES);
    sum3.intoArray(sums, 3 * LANES);
  }

  private static FloatVector even(IntVector pairs) {
    return pairs.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
  }

  private static FloatVector odd(IntVector pairs) {
    return pairs.and(ODD).reinterpretAsFloats();
  }
}
