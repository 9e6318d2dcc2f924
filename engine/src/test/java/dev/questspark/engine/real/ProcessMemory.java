package dev.questspark.engine.real;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Memory of this process, in bytes, as Linux counts it. */
final class ProcessMemory {
  private ProcessMemory() {}

  static long resident() throws IOException {
    return field("VmRSS");
  }

  /** The most since the process began, or since {@link #forgetPeak}. */
  static long peak() throws IOException {
    return field("VmHWM");
  }

  static void forgetPeak() throws IOException {
    Files.writeString(Path.of("/proc/self/clear_refs"), "5");
  }

  private static long field(String name) throws IOException {
    String status = Files.readString(Path.of("/proc/self/status"));
    return 1024 * Long.parseLong(status.replaceAll("(?s).*" + name + ":\\s*(\\d+) kB.*", "$1"));
  }
}
