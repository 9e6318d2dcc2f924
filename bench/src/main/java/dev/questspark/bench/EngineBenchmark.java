package dev.questspark.bench;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * The whole CPU engine, one measurement per process: {@code EngineBenchmark open|prefill|decode|
 * linear --model FOLDER [--key value ...]}. Prints one JSON line; {@code bench/README.md} has the
 * options and the results.
 */
public final class EngineBenchmark {
  private static final Map<String, Consumer<Arguments>> PARTS =
      new TreeMap<>(
          Map.of(
              "open", OpenBenchmark::run,
              "prefill", PrefillBenchmark::run,
              "decode", DecodeBenchmark::run,
              "linear", LinearBenchmark::run));

  private EngineBenchmark() {}

  /** Runs the part that the first argument names. */
  public static void main(String[] arguments) {
    Consumer<Arguments> part = arguments.length == 0 ? null : PARTS.get(arguments[0]);
    if (part == null) {
      System.err.println("usage: EngineBenchmark " + List.copyOf(PARTS.keySet()) + " --key value");
      System.exit(2);
      return;
    }
    part.accept(new Arguments(arguments, 1));
  }
}
