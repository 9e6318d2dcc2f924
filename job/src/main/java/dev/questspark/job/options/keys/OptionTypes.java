package dev.questspark.job.options.keys;

import static dev.questspark.job.options.keys.OptionDeclaration.list;
import static dev.questspark.job.options.keys.OptionDeclaration.single;
import static dev.questspark.job.options.keys.OptionKey.checked;

import dev.questspark.engine.ops.backend.DeviceName;
import dev.questspark.job.options.keys.OptionKey.Shape;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.DoublePredicate;
import java.util.function.IntPredicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** The kinds of value an option can have: how each is read, and what its refusal says. */
public final class OptionTypes {
  private static final Pattern BYTES = Pattern.compile("(\\d+)\\s*([kmgt]?)(i?b)?");

  /** What every option begins with whose flag alone means true. */
  static final String TRUE_FALSE = "true/false";

  private OptionTypes() {}

  static OptionDeclaration<String> text(String name, String allowed) {
    return single(name, "text", allowed, text -> checked(text, value -> !value.isEmpty()));
  }

  static OptionDeclaration<Integer> integer(String name, int least, String allowed) {
    return single(
        name, "integer", allowed, text -> checked(Integer.valueOf(text), value -> value >= least));
  }

  static OptionDeclaration<Integer> integer(String name, int least, int most, String allowed) {
    return single(
        name,
        "integer",
        allowed,
        text -> checked(Integer.valueOf(text), value -> value >= least && value <= most));
  }

  static OptionDeclaration<Long> longInteger(String name, String allowed) {
    return single(name, "integer", allowed, Long::valueOf);
  }

  static OptionDeclaration<Double> number(String name, String allowed, DoublePredicate holds) {
    return single(
        name, "number", allowed, text -> checked(Double.valueOf(text), value -> holds.test(value)));
  }

  static OptionDeclaration<Boolean> bool(String name) {
    return single(
        name,
        TRUE_FALSE,
        "true or false",
        text ->
            switch (text.toLowerCase(Locale.ROOT)) {
              case "true" -> true;
              case "false" -> false;
              default -> throw new IllegalArgumentException();
            });
  }

  /**
   * True or false, or another word; the flag alone means true.
   *
   * @param type has the constants TRUE and FALSE
   */
  static <E extends Enum<E>> OptionDeclaration<E> boolOr(String name, Class<E> type) {
    return single(
        name,
        TRUE_FALSE
            + Arrays.stream(type.getEnumConstants())
                .map(E::name)
                .filter(OptionTypes::isNoBool)
                .map(word -> "/" + word.toLowerCase(Locale.ROOT))
                .collect(Collectors.joining()),
        "one of " + words(type),
        text -> constant(type, text));
  }

  private static boolean isNoBool(String word) {
    return !word.equals("TRUE") && !word.equals("FALSE");
  }

  /** One constant of an enum, written in lower case. */
  static <E extends Enum<E>> OptionDeclaration<E> choice(String name, Class<E> type) {
    return single(name, "choice", "one of " + words(type), text -> constant(type, text));
  }

  /** Some constants of an enum. */
  static <E extends Enum<E>> OptionDeclaration<List<E>> choices(String name, Class<E> type) {
    return list(
        name,
        "list of choices",
        Shape.COMMA_LIST,
        "among " + words(type),
        text -> constant(type, text));
  }

  /** A device of a backend that is on the class path. */
  static OptionDeclaration<DeviceName> device(String name) {
    return single(
        name,
        "choice",
        "one of " + DeviceName.allowed(),
        text -> DeviceName.find(text).orElseThrow(IllegalArgumentException::new));
  }

  static OptionDeclaration<List<String>> texts(String name) {
    return list(name, "texts", Shape.REPEATED, "text", text -> text);
  }

  /** Names separated by commas. */
  static OptionDeclaration<List<String>> names(String name) {
    return list(name, "list of names", Shape.COMMA_LIST, "names", text -> text);
  }

  static OptionDeclaration<List<Integer>> integers(String name, String allowed) {
    return integers(name, allowed, value -> true);
  }

  static OptionDeclaration<List<Integer>> integers(
      String name, String allowed, IntPredicate holds) {
    return list(
        name,
        "list of integers",
        Shape.COMMA_LIST,
        allowed,
        text -> checked(Integer.valueOf(text), holds::test));
  }

  /** {@code 536870912}, {@code 512m}, {@code 2g}, {@code 2GiB}; powers of 1024. */
  static OptionDeclaration<Long> bytes(String name) {
    return single(
        name,
        "bytes",
        "a number of bytes such as 536870912, 512m or 2g, or 0 for automatic",
        text -> {
          Matcher match = BYTES.matcher(text.toLowerCase(Locale.ROOT));
          checked(match, Matcher::matches);
          int power = match.group(2).isEmpty() ? 0 : "kmgt".indexOf(match.group(2)) + 1;
          try {
            return Math.multiplyExact(Long.parseLong(match.group(1)), 1L << (10 * power));
          } catch (ArithmeticException tooLarge) {
            throw new IllegalArgumentException(tooLarge);
          }
        });
  }

  private static <E extends Enum<E>> E constant(Class<E> type, String text) {
    return Enum.valueOf(type, text.toUpperCase(Locale.ROOT));
  }

  private static <E extends Enum<E>> String words(Class<E> type) {
    return String.join(
        ", ",
        List.of(type.getEnumConstants()).stream()
            .map(constant -> constant.name().toLowerCase(Locale.ROOT))
            .toList());
  }
}
