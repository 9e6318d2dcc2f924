package dev.questspark.job.options.keys;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.Aspect;
import dev.questspark.job.options.Choices.Command;
import dev.questspark.job.options.Suite;
import dev.questspark.job.options.keys.Scope.Decides;
import dev.questspark.job.options.keys.Scope.Query;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * One option: its name, its values, its scope and one sentence about it. Flags, preset keys, Spark
 * conf keys, checks and {@code conf/README.md} follow from the declaration.
 *
 * @param <T> type of the value
 */
public final class OptionKey<T> {
  /** How the texts that a user gave become elements. */
  public enum Shape {
    /** One text, one value; given twice, the last wins. */
    SINGLE,
    /** Elements separated by commas, or given several times. */
    COMMA_LIST,
    /** Given once per element; an element may contain commas. */
    REPEATED
  }

  private final Declaration<T> declared;
  private final Scoped<T> scoped;
  private final String description;

  private OptionKey(Scoped<T> scoped, String description) {
    this.declared = scoped.declared;
    this.scoped = scoped;
    this.description = description;
  }

  /** snake_case, as in a preset. */
  public String name() {
    return declared.name;
  }

  /** {@code --kebab-case}, as on the command line. */
  public String flag() {
    return flagOf(declared.name);
  }

  public static String flagOf(String name) {
    return "--" + name.replace('_', '-');
  }

  public String type() {
    return declared.type;
  }

  /** Whether it is given once per element, so that an element may contain commas. */
  public boolean repeated() {
    return declared.shape == Shape.REPEATED;
  }

  public String allowed() {
    return declared.allowed;
  }

  public String unit() {
    return declared.unit;
  }

  public List<String> defaultTexts() {
    return declared.defaultTexts;
  }

  public List<String> aliases() {
    return declared.aliases;
  }

  /** What it means. */
  public String description() {
    return description;
  }

  /** Commands that read it. */
  public Set<Command> commands() {
    return scoped.scope.commands();
  }

  /**
   * Whether a command reads it.
   *
   * @param suite the suite that a measurement asks; others ignore it
   */
  public boolean appliesTo(Command command, Suite suite) {
    boolean measured = Scope.MEASUREMENT.contains(command);
    return commands().contains(command)
        && (!measured || scoped.aspect == null || suite.reads(scoped.aspect));
  }

  /** Whether the command cannot begin without it. */
  public boolean requiredBy(Command command) {
    return scoped.requiredBy.contains(command);
  }

  public Decides decides() {
    return scoped.scope.decides();
  }

  public boolean inQuery() {
    return scoped.scope.query() == Query.IN_QUERY;
  }

  /** What else must be set for it to have an effect. */
  public List<Requirement<?>> requirements() {
    return scoped.requirements;
  }

  /** What must not be given beside it. */
  public List<Exclusion> exclusions() {
    return scoped.exclusions;
  }

  /** Splits what a user gave into elements. */
  public List<String> elements(List<String> given) {
    return switch (declared.shape) {
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
  public T parse(List<String> texts, String origin) {
    try {
      return declared.parser.apply(texts);
    } catch (IllegalArgumentException refused) {
      throw new ConfigException(
          "%s is '%s' (%s); it must be %s."
              .formatted(name(), String.join(",", texts), origin, allowed()));
    }
  }

  @Override
  public String toString() {
    return name();
  }

  /**
   * Another option that must have a value.
   *
   * @param why ends the refusal's sentence, which begins with the option and its origin; empty for
   *     an option that merely has no effect without the other, which a preset may hold
   */
  public record Requirement<V>(OptionKey<V> key, V value, String why) {
    public boolean metBy(JobOptions options) {
      return Objects.equals(options.get(key), value);
    }

    public boolean presetsToo() {
      return !why.isEmpty();
    }
  }

  /**
   * Another option that the run's own command must not give.
   *
   * @param sentence the refusal
   */
  public record Exclusion(OptionKey<?> key, String sentence) {}

  /** Starts a declaration of a single value. */
  public static <T> Declaration<T> single(
      String name, String type, String allowed, Function<String, T> parser) {
    return new Declaration<>(
        name,
        type,
        Shape.SINGLE,
        allowed,
        texts -> texts.isEmpty() ? null : parser.apply(texts.get(0)));
  }

  /** Starts a declaration of a list. */
  public static <T> Declaration<List<T>> list(
      String name, String type, Shape shape, String allowed, Function<String, T> parser) {
    return new Declaration<>(
        name, type, shape, allowed, texts -> texts.stream().map(parser).toList());
  }

  /** An option under construction: its values. {@link #scope} is the way on. */
  public static final class Declaration<T> {
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
    Declaration<T> defaultValue(String... texts) {
      defaultTexts.addAll(List.of(texts));
      return this;
    }

    /** Where the option applies and what it changes. */
    Scoped<T> scope(Set<Command> commands, Decides decides, Query query) {
      return new Scoped<>(this, new Scope(commands, decides, query));
    }
  }

  /** An option under construction: its scope. {@link #description} ends the declaration. */
  public static final class Scoped<T> {
    private final Declaration<T> declared;
    private final Scope scope;
    private Aspect aspect;
    private Set<Command> requiredBy = Set.of();
    private final List<Requirement<?>> requirements = new ArrayList<>();
    private final List<Exclusion> exclusions = new ArrayList<>();

    private Scoped(Declaration<T> declared, Scope scope) {
      this.declared = declared;
      this.scope = scope;
    }

    /** A measurement reads the option only if its suite reads this aspect. */
    Scoped<T> aspect(Aspect aspect) {
      this.aspect = aspect;
      return this;
    }

    /** The commands that cannot begin without it, where they read it. */
    Scoped<T> requiredBy(Set<Command> commands) {
      this.requiredBy = commands;
      return this;
    }

    /** Without that value of the other option, this one has no effect. A preset may hold both. */
    <V> Scoped<T> requires(OptionKey<V> other, V value) {
      requirements.add(new Requirement<>(other, value, ""));
      return this;
    }

    /**
     * The same wherever this option was given, a preset included.
     *
     * @param why ends the refusal's sentence, which begins with the option and its origin
     */
    <V> Scoped<T> alwaysRequires(OptionKey<V> other, V value, String why) {
      requirements.add(new Requirement<>(other, value, why));
      return this;
    }

    /**
     * The other option must not be given beside this one.
     *
     * @param sentence the refusal
     */
    Scoped<T> excludes(OptionKey<?> other, String sentence) {
      exclusions.add(new Exclusion(other, sentence));
      return this;
    }

    /** Ends the declaration. */
    OptionKey<T> description(OptionSection section, String sentence) {
      OptionKey<T> key = new OptionKey<>(this, sentence);
      section.add(key);
      return key;
    }
  }

  /** Turns a predicate into the exception that {@link #parse} explains. */
  public static <V> V checked(V value, Predicate<V> holds) {
    if (!holds.test(value)) {
      throw new IllegalArgumentException();
    }
    return value;
  }
}
