package dev.questspark.engine.ops.cuda.driver;

import dev.questspark.engine.failure.ConfigException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import jcuda.CudaException;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUmodule;
import jcuda.driver.JCudaDriver;

/** The kernels' binary, loaded, with every declared kernel found in it. */
public final class KernelModule implements AutoCloseable {
  /** Where the kernels' jar keeps its fatbin. */
  static final String RESOURCE = "/quest/kernels.fatbin";

  private static final Pattern TOOLKIT =
      Pattern.compile("Cuda compilation tools, release (\\d+\\.\\d+)");

  private final CudaContext context;
  private final CUmodule module = new CUmodule();
  private final CUfunction[] functions;

  private KernelModule(CudaContext context, int kernels) {
    this.context = context;
    this.functions = new CUfunction[kernels];
  }

  /**
   * Loads the fatbin of the class path and resolves all kernels.
   *
   * @throws ConfigException if this build has none, or the driver or GPU cannot run it
   */
  public static KernelModule load(CudaContext context, CudaDevice device) {
    device.requireCapability();
    KernelModule loaded = new KernelModule(context, KernelFamily.all().size());
    byte[] image = image();
    try {
      JCudaDriver.cuModuleLoadData(loaded.module, image);
    } catch (CudaException e) {
      throw refusal(e, device, image);
    }
    for (Kernel kernel : KernelFamily.all()) {
      loaded.functions[kernel.index()] = loaded.resolve(kernel, device);
    }
    return loaded;
  }

  private static byte[] image() {
    try (InputStream resource = KernelModule.class.getResourceAsStream(RESOURCE)) {
      if (resource == null) {
        throw new ConfigException(
            "backend cuda: this build carries no CUDA kernels, because nvcc was not there when it was"
                + " built; build again on a host with the CUDA toolkit, or choose backend cpu");
      }
      return resource.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException("reading " + RESOURCE, e);
    }
  }

  static ConfigException refusal(CudaException e, CudaDevice device, byte[] image) {
    String toolkit = toolkit(image).map(release -> "CUDA " + release).orElse("an unknown toolkit");
    return new ConfigException(
        "backend cuda: the driver cannot load this build's kernels ("
            + e.getMessage()
            + ") on "
            + device.report()
            + "; they were built by "
            + toolkit
            + " and need a driver of its generation: update the driver, or build again with nvcc of"
            + " CUDA "
            + device.driverVersion() / 1000
            + " (CUDA_HOME=... ./mvnw package, see kernels/README.md)",
        e);
  }

  /** Release of the toolkit whose compiler left its name in the image, such as 13.0. */
  static Optional<String> toolkit(byte[] image) {
    Matcher named = TOOLKIT.matcher(new String(image, StandardCharsets.ISO_8859_1));
    return named.find() ? Optional.of(named.group(1)) : Optional.empty();
  }

  public CUfunction resolve(Kernel kernel, CudaDevice device) {
    CUfunction function = new CUfunction();
    context.run(
        "looking up kernel " + kernel.symbol(),
        () -> {
          JCudaDriver.cuModuleGetFunction(function, module, kernel.symbol());
          // Beyond 48 KB a kernel must be allowed its dynamic shared memory once (CUDA C++
          // programming guide, compute capability 7.x); what is left over static memory's need.
          int[] fixed = new int[1];
          JCudaDriver.cuFuncGetAttribute(
              fixed, CUfunction_attribute.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, function);
          JCudaDriver.cuFuncSetAttribute(
              function,
              CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
              device.sharedBytes() - fixed[0]);
        });
    return function;
  }

  CUfunction function(Kernel kernel) {
    return functions[kernel.index()];
  }

  @Override
  public void close() {
    if (!context.lost()) {
      context.bind();
      context.run("unloading the kernels", () -> JCudaDriver.cuModuleUnload(module));
    }
  }
}
