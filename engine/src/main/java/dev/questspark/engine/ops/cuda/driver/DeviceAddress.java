package dev.questspark.engine.ops.cuda.driver;

import jcuda.driver.CUdeviceptr;

/** JCuda's device pointer, with its address in sight: kernel arguments are packed as numbers. */
final class DeviceAddress extends CUdeviceptr {
  /** The address on the device. */
  long value() {
    return getNativePointer() + getByteOffset();
  }
}
