package dev.questspark.engine.ops.cuda.driver;

import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT;

import dev.questspark.engine.failure.ConfigException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import jcuda.CudaException;
import jcuda.driver.CUdevice;
import jcuda.driver.JCudaDriver;

/**
 * A GPU as the driver describes it; needs no {@code nvidia-smi}.
 *
 * @param ordinal number among the GPUs that this process sees
 * @param name as sold
 * @param memoryBytes all of its memory
 * @param major compute capability, first number
 * @param minor compute capability, second number
 * @param processors streaming multiprocessors
 * @param sharedBytes shared memory that one block may ask for
 * @param driverVersion newest CUDA version that the driver speaks: 1000 * major + 10 * minor
 */
public record CudaDevice(
    int ordinal,
    String name,
    long memoryBytes,
    int major,
    int minor,
    int processors,
    int sharedBytes,
    int driverVersion) {

  /** JCuda 12.6 calls functions that came with the driver of this CUDA version. */
  static final int OLDEST_DRIVER = 12_000;

  /**
   * All GPUs that this process sees.
   *
   * @throws ConfigException if there is no driver, no GPU, or the driver is too old
   */
  public static List<CudaDevice> all() {
    startDriver();
    int[] count = new int[1];
    JCudaDriver.cuDeviceGetCount(count);
    List<CudaDevice> devices = new ArrayList<>();
    for (int ordinal = 0; ordinal < count[0]; ordinal++) {
      devices.add(describe(ordinal));
    }
    return devices;
  }

  /** One GPU; the errors of {@link #all}, or the ordinal is not among them. */
  public static CudaDevice of(int ordinal) {
    List<CudaDevice> devices = all();
    if (ordinal >= devices.size()) {
      throw new ConfigException(
          "device is "
              + ordinal
              + ", but this process sees "
              + devices.size()
              + (devices.size() == 1 ? " GPU" : " GPUs")
              + " (counted from 0; CUDA_VISIBLE_DEVICES may hide some)");
    }
    return devices.get(ordinal);
  }

  private static void startDriver() {
    try {
      JCudaDriver.setExceptionsEnabled(true);
    } catch (UnsatisfiedLinkError | NoClassDefFoundError e) {
      throw new ConfigException(
          "backend cuda needs the NVIDIA driver, but its library libcuda.so.1 cannot be loaded ("
              + firstLine(e)
              + "); install the driver on this host, or choose backend cpu",
          e);
    }
    try {
      JCudaDriver.cuInit(0);
    } catch (CudaException e) {
      throw new ConfigException(
          "backend cuda: the NVIDIA driver finds no usable GPU ("
              + e.getMessage()
              + "); check that one is assigned to this process and that CUDA_VISIBLE_DEVICES names it,"
              + " or choose backend cpu",
          e);
    }
    int version = driverVersion0();
    if (version < OLDEST_DRIVER) {
      throw new ConfigException(
          "backend cuda: the NVIDIA driver speaks CUDA "
              + versionText(version)
              + ", but "
              + versionText(OLDEST_DRIVER)
              + " or newer is needed; update the driver, or choose backend cpu");
    }
  }

  private static String firstLine(Throwable e) {
    return String.valueOf(e.getMessage()).lines().findFirst().orElse("");
  }

  private static int driverVersion0() {
    int[] version = new int[1];
    JCudaDriver.cuDriverGetVersion(version);
    return version[0];
  }

  private static CudaDevice describe(int ordinal) {
    CUdevice device = handle(ordinal);
    byte[] name = new byte[256];
    JCudaDriver.cuDeviceGetName(name, name.length, device);
    long[] bytes = new long[1];
    JCudaDriver.cuDeviceTotalMem(bytes, device);
    return new CudaDevice(
        ordinal,
        new String(name, StandardCharsets.UTF_8).replace("\0", ""),
        bytes[0],
        attribute(device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR),
        attribute(device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR),
        attribute(device, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
        attribute(device, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN),
        driverVersion0());
  }

  private static int attribute(CUdevice device, int attribute) {
    int[] value = new int[1];
    JCudaDriver.cuDeviceGetAttribute(value, attribute, device);
    return value[0];
  }

  static CUdevice handle(int ordinal) {
    CUdevice device = new CUdevice();
    JCudaDriver.cuDeviceGet(device, ordinal);
    return device;
  }

  /** The oldest compute capability that the kernels are written for: Ampere. */
  private static final int OLDEST_MAJOR = 8;

  /**
   * Refuses a GPU that no image of the kernels, and no PTX, can run on.
   *
   * @throws ConfigException if it is older than Ampere
   */
  void requireCapability() {
    if (major < OLDEST_MAJOR) {
      throw new ConfigException(
          "backend cuda: "
              + report()
              + " is older than the kernels, which need compute capability 8.0 (Ampere: A100, A10,"
              + " L4, RTX 30) or later; no driver and no build changes that. Choose another GPU, or"
              + " backend cpu");
    }
  }

  /** Whether warpgroup kernels run here: their image is for this one compute capability. */
  public boolean warpgroups() {
    return major == 9 && minor == 0;
  }

  /** CUDA version as people write it. */
  static String versionText(int version) {
    return version / 1000 + "." + version % 1000 / 10;
  }

  /** One line: name, memory, capability, driver. */
  public String report() {
    return name
        + " (device "
        + ordinal
        + ", "
        + (memoryBytes >> 20)
        + " MiB, compute capability "
        + major
        + "."
        + minor
        + ", driver for CUDA "
        + versionText(driverVersion)
        + ")";
  }
}
