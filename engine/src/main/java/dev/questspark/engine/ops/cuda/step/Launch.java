package dev.questspark.engine.ops.cuda.step;

import dev.questspark.engine.ops.PageBudget;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cuda.driver.DeviceBuffer;
import dev.questspark.engine.ops.cuda.driver.Kernel;
import dev.questspark.engine.ops.cuda.driver.KernelFamily;
import dev.questspark.engine.ops.cuda.driver.LaunchRecorder;

/**
 * Builds one launch: arguments in order, each checked against the kernel's declaration, then grid
 * and block. Reused for every launch of a backend; allocates nothing.
 *
 * <p>An argument list is untyped memory to the driver: an int where a pointer belongs, or an output
 * for an input, would be silent corruption. Here it is an exception that names the parameter.
 */
public final class Launch {
  private final LaunchRecorder recorder;
  private Kernel kernel;
  private int next;

  public Launch(LaunchRecorder recorder) {
    this.recorder = recorder;
  }

  /** Starts a launch. */
  public Launch of(Kernel kernel) {
    this.kernel = kernel;
    this.next = 0;
    recorder.begin(kernel);
    return this;
  }

  /** A tensor that the kernel writes. */
  public Launch out(Tensor tensor) {
    return pointer(
        DeviceBuffer.addressOf(tensor), KernelFamily.typeOf(tensor.dtype()), false, "an output");
  }

  /** A tensor that the kernel only reads. */
  public Launch in(Tensor tensor) {
    return pointer(
        DeviceBuffer.addressOf(tensor), KernelFamily.typeOf(tensor.dtype()), true, "an input");
  }

  /** A tensor that the kernel writes; null if the run has none. */
  public Launch outOrNull(Tensor tensor) {
    return tensor == null
        ? pointer(0, kernel.parameters().get(next).type(), false, "none")
        : out(tensor);
  }

  /** A tensor that the kernel only reads; null if there is none. */
  public Launch inOrNull(Tensor tensor) {
    return tensor == null
        ? pointer(0, kernel.parameters().get(next).type(), true, "none")
        : in(tensor);
  }

  /** Bytes that the kernel writes, regardless of their dtype; 0 for none. */
  public Launch outBytes(long address) {
    return pointer(address, "unsigned char", false, "output bytes");
  }

  /** Integers that the kernel writes. */
  public Launch outInts(long address) {
    return pointer(address, "int", false, "output integers");
  }

  /** Floats that the kernel writes. */
  public Launch outFloats(long address) {
    return pointer(address, "float", false, "output floats");
  }

  /** Floats that the kernel only reads. */
  public Launch inFloats(long address) {
    return pointer(address, "float", true, "input floats");
  }

  /** Counters that the kernel adds to. */
  public Launch counters(long address) {
    return pointer(address, "unsigned long long", false, "counters");
  }

  /** Integers that the kernel only reads. */
  public Launch inInts(long address) {
    return pointer(address, "int", true, "input integers");
  }

  /** An int. */
  public Launch integer(int value) {
    expect("int", false, false, "an int");
    recorder.argument(value & 0xffffffffL);
    return this;
  }

  /** A 64-bit integer. */
  public Launch wide(long value) {
    expect("long long", false, false, "a long long");
    recorder.argument(value);
    return this;
  }

  /** A float. */
  public Launch real(float value) {
    expect("float", false, false, "a float");
    recorder.argument(Float.floatToRawIntBits(value) & 0xffffffffL);
    return this;
  }

  /** A batch's page coordinates of rows from {@code fromRow} on: what {@code RowPages} takes. */
  public Launch rows(CudaBatch batch, int fromRow) {
    return inInts(batch.positions())
        .inInts(batch.rowSpan())
        .inInts(batch.spanPages())
        .inInts(batch.pageTable())
        .integer(fromRow);
  }

  /** A page budget's four numbers beside its unit. */
  public Launch budget(PageBudget budget) {
    return integer(budget.units())
        .integer(budget.sinkTokens())
        .integer(budget.recentTokens())
        .integer(budget.minContextTokens());
  }

  /** Ends the launch: a grid without blocks is no launch at all. */
  public void grid(int x, int y, int z, int threads, int sharedBytes) {
    if (next != kernel.parameters().size()) {
      throw new IllegalStateException(
          kernel.symbol()
              + " takes "
              + kernel.parameters().size()
              + " arguments, given "
              + next
              + "; next is "
              + kernel.parameters().get(next));
    }
    if (x == 0 || y == 0 || z == 0) {
      recorder.discard();
    } else {
      recorder.end(x, y, z, threads, sharedBytes);
    }
  }

  private Launch pointer(long address, String type, boolean constant, String given) {
    expect(type, true, constant, given);
    recorder.argument(address);
    return this;
  }

  private void expect(String type, boolean pointer, boolean constant, String given) {
    Kernel.Parameter declared =
        next < kernel.parameters().size() ? kernel.parameters().get(next) : null;
    if (declared == null
        || declared.pointer() != pointer
        || declared.constant() != constant
        || !declared.type().equals(type)) {
      throw new IllegalStateException(
          kernel.symbol()
              + ": argument "
              + next
              + " is declared as "
              + (declared == null ? "nothing" : "'" + declared + "'")
              + ", given "
              + given
              + " ("
              + type
              + (pointer ? "*" : "")
              + ")");
    }
    next++;
  }
}
