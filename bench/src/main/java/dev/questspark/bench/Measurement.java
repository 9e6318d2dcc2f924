package dev.questspark.bench;

import com.google.gson.GsonBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** One line of JSON on standard output: what ran, its value, and how busy the machine was. */
final class Measurement {
  private final Map<String, Object> fields = new LinkedHashMap<>();

  Measurement(String what) {
    fields.put("what", what);
  }

  Measurement with(String key, Object value) {
    fields.put(key, value);
    return this;
  }

  /** Prints the line; {@code value} is what a comparison takes the median of. */
  void print(double value, String unit) {
    fields.put("value", value);
    fields.put("unit", unit);
    fields.put("load", read("/proc/loadavg").split(" ")[0]);
    System.out.println(
        new GsonBuilder().serializeSpecialFloatingPointValues().create().toJson(fields));
  }

  /** A field of {@code /proc/self/status} such as VmRSS, in bytes; -1 where there is none. */
  static long statusBytes(String field) {
    return read("/proc/self/status")
        .lines()
        .filter(line -> line.startsWith(field + ":"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
        .findFirst()
        .orElse(-1);
  }

  /** Processor seconds of this process, start of the virtual machine included; -1 if unknown. */
  static double cpuSeconds() {
    return ManagementFactory.getOperatingSystemMXBean()
            instanceof com.sun.management.OperatingSystemMXBean system
        ? system.getProcessCpuTime() / 1e9
        : -1;
  }

  static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }

  private static String read(String file) {
    try {
      return Files.exists(Path.of(file)) ? Files.readString(Path.of(file)) : "";
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
