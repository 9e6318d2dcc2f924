package dev.questspark.engine.ops.cuda.driver;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Finds the kernels of a {@code .cu} file and their parameters. Understands the one use of macros
 * that our files make: a kernel written once and instantiated by name, one call a line.
 */
final class KernelSource {
  private static final Pattern MACRO =
      Pattern.compile("#define\\s+(\\w+)\\(([^)]*)\\)((?:.*\\\\\\n)+.*)");

  private static final Pattern SIGNATURE =
      Pattern.compile(
          "extern \"C\" __global__ void\\s+__launch_bounds__\\([^)]*\\)\\s+(\\w+)\\(([^)]*)\\)");

  private KernelSource() {}

  /** Symbol to parameters. */
  static Map<String, List<Kernel.Parameter>> signatures(String source) {
    Map<String, List<Kernel.Parameter>> signatures = new LinkedHashMap<>();
    StringBuilder plain = new StringBuilder(MACRO.matcher(source).replaceAll(""));
    Matcher macro = MACRO.matcher(source);
    while (macro.find()) {
      Pattern call = Pattern.compile("(?m)^" + macro.group(1) + "\\((.*)\\)$");
      Matcher calls = call.matcher(source);
      while (calls.find()) {
        plain.append(expand(macro.group(2), macro.group(3), calls.group(1))).append('\n');
      }
    }
    Matcher signature = SIGNATURE.matcher(plain);
    while (signature.find()) {
      String parameters = signature.group(2).replace("__restrict__", "");
      signatures.put(signature.group(1), Kernel.parameters(parameters.replaceAll("\\s+", " ")));
    }
    return signatures;
  }

  private static String expand(String names, String body, String arguments) {
    String[] name = names.split(",");
    String[] argument = arguments.split(",");
    // Whole words first, side by side with ## or not; then the ## themselves.
    String expanded = body.replace("\\\n", " ");
    for (int i = 0; i < name.length && i < argument.length; i++) {
      if (!name[i].strip().equals("...")) {
        expanded =
            expanded.replaceAll(
                "\\b" + name[i].strip() + "\\b", Matcher.quoteReplacement(argument[i].strip()));
      }
    }
    return expanded.replaceAll("\\s*##\\s*", "");
  }
}
