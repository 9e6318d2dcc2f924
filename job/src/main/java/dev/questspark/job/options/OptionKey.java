package dev.questspark.job.options;

import dev.questspark.engine.failure.ConfigException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * One option: what it is called, what it may be, and one sentence about it. Declared only in {@link
 * JobKeys}; flags, preset keys, Spark conf keys, checks and {@code conf/README.md} follow from it.
 *
 * @param <T> type of the value
 */
public final class OptionKey<T> {
  /** How the texts that a user gave become elements. */
  enum Shape {
    /** One text, one value; given twice, the last wins. */
    SINGLE,
    /** Elements separated by commas, or given several times. */
    COMMA_LIST,
    /** Given once per element; an element may contain commas. */
    REPEATED
  }

  private final String name;
  private final String type;
  private final Shape shape;
  private final Function<List<String>, T> parser;
  private final String allowed;
  private final String unit;
  private final List<String> defaultTexts;
  private final List<String> aliases;
  private final String sentence;

  private OptionKey(Declaration<T> declared, List<String> defaultTexts, String sentence) {
    this.name = declared.name;
    this.type = declared.type;
    this.shape = declared.shape;
    this.parser = declared.parser;
    this.allowed = declared.allowed;
    this.unit = declared.unit;
    this.aliases = List.copyOf(declared.aliases);
    this.defaultTexts = List.copyOf(defaultTexts);
    this.sentence = sentence;
  }

  /** snake_case, as in a preset. */
  public String name() {
    return name;
  }

  /** {@code --kebab-case}, as on the command line. */
  public String flag() {
    return flagOf(name);
  }

  static String flagOf(String name) {
    return "--" + name.replace('_', '-');
  }

  String type() {
    return type;
  }

  Shape shape() {
    return shape;
  }

  /** Whether it is given once per element, so that an element may contain commas. */
  public boolean repeated() {
    return shape == Shape.REPEATED;
  }

  String allowed() {
    return allowed;
  }

  String unit() {
    return unit;
  }

  List<String> defaultTexts() {
    return defaultTexts;
  }

  List<String> aliases() {
    return aliases;
  }

  /** What it means. */
  public String sentence() {
    return sentence;
  }

  /** Splits what a user gave into elements. */
  List<String> elements(List<String> given) {
    return switch (shape) {
      case SINGLE -> given.isEmpty() ? given : List.of(given.get(given.size() - 1).strip());
      case COMMA_LIST ->
          given.stream()
              .flatMap(text -> List.of(text.split(",")).stream())
              .map(String::strip)
              .filter(text -> !text.isEmpty())
              .toList();
      case REPEATED -> List.copyOf(given);
    };
  }

  /**
   * The typed value.
   *
   * @param origin where the texts came from, for the message
   * @throws ConfigException when they are not what the option allows
   */
  T parse(List<String> texts, String origin) {
    try {
      return parser.apply(texts);
    } catch (IllegalArgumentException refused) {
      throw new ConfigException(
          name
              + " is '"
              + String.join(",", texts)
              + "' ("
              + origin
              + "); it must be "
              + allowed
              + ".");
    }
  }

  @Override
  public String toString() {
    return name;
  }

  /** Starts a declaration of a single value. */
  static <T> Declaration<T> single(
      String name, String type, String allowed, Function<String, T> parser) {
    return new Declaration<>(
        name,
        type,
        Shape.SINGLE,
        allowed,
        texts -> texts.isEmpty() ? null : parser.apply(texts.get(0)));
  }

  /** Starts a declaration of a list. */
  static <T> Declaration<List<T>> list(
      String name, String type, Shape shape, String allowed, Function<String, T> parser) {
    return new Declaration<>(
        name, type, shape, allowed, texts -> texts.stream().map(parser).toList());
  }

  /** An option under construction. */
  static final class Declaration<T> {
    private final String name;
    private final String type;
    private final Shape shape;
    private final Function<List<String>, T> parser;
    private final String allowed;
    private String unit = "";
    private final List<String> aliases = new ArrayList<>();
    private final List<String> defaultTexts = new ArrayList<>();

    private Declaration(
        String name, String type, Shape shape, String allowed, Function<List<String>, T> parser) {
      this.name = name;
      this.type = type;
      this.shape = shape;
      this.allowed = allowed;
      this.parser = parser;
    }

    Declaration<T> unit(String unit) {
      this.unit = unit;
      return this;
    }

    Declaration<T> alias(String... names) {
      aliases.addAll(List.of(names));
      return this;
    }

    /** The default, as a user would write it; without it the option is null or an empty list. */
    Declaration<T> byDefault(String... texts) {
      defaultTexts.addAll(List.of(texts));
      return this;
    }

    /** Ends the declaration. */
    OptionKey<T> says(OptionSection section, String sentence) {
      OptionKey<T> key = new OptionKey<>(this, defaultTexts, sentence);
      section.add(key);
      return key;
    }
  }

  /** Turns a predicate into the exception that {@link #parse} explains. */
  static <V> V checked(V value, Predicate<V> holds) {
    if (!holds.test(value)) {
      throw new IllegalArgumentException();
    }
    return value;
  }
}
