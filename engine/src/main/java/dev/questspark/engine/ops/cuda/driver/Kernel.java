package dev.questspark.engine.ops.cuda.driver;

import java.util.ArrayList;
import java.util.List;

/**
 * A kernel as its {@code .cu} file declares it.
 *
 * @param index place in {@link KernelFamily#all()}
 * @param symbol its {@code extern "C"} name
 * @param parameters in order
 */
public record Kernel(int index, String symbol, List<Parameter> parameters) {

  /**
   * One parameter, in C's words.
   *
   * @param name as declared
   * @param type {@code float}, {@code int}, {@code long long}, ...: of the value, or of what the
   *     pointer points to
   * @param pointer whether it is a device pointer
   * @param constant whether the kernel only reads through the pointer
   */
  public record Parameter(String name, String type, boolean pointer, boolean constant) {

    /** Reads {@code [const] type[*] name}. */
    static Parameter parse(String declaration) {
      String text = declaration.strip().replaceAll("\\s+", " ");
      boolean constant = text.startsWith("const ");
      String rest = constant ? text.substring("const ".length()) : text;
      int nameStart = rest.lastIndexOf(' ') + 1;
      String type = rest.substring(0, nameStart).strip();
      boolean pointer = type.endsWith("*");
      return new Parameter(
          rest.substring(nameStart),
          pointer ? type.substring(0, type.length() - 1).strip() : type,
          pointer,
          constant);
    }

    @Override
    public String toString() {
      return (constant ? "const " : "") + type + (pointer ? "* " : " ") + name;
    }
  }

  /** Reads a parameter list as C writes it. */
  public static List<Parameter> parameters(String declaration) {
    List<Parameter> parameters = new ArrayList<>();
    for (String parameter : declaration.split(",")) {
      parameters.add(Parameter.parse(parameter));
    }
    return List.copyOf(parameters);
  }
}
