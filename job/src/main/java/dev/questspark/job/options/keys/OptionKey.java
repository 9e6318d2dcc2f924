package dev.questspark.job.options.keys;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.Choices.Command;
import dev.questspark.job.options.Suite;
import dev.questspark.job.options.keys.OptionDeclaration.Scoped;
import dev.questspark.job.options.keys.Scope.Decides;
import dev.questspark.job.options.keys.Scope.Query;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.Predicate;

/**
 * One option: its name, its values, its scope and one sentence about it. Flags, preset keys, Spark
 * conf keys, checks and {@code conf/README.md} follow from the declaration.
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

  private final OptionDeclaration<T> declared;
  private final Scoped<T> scoped;
  private final String description;

  OptionKey(Scoped<T> scoped, String description) {
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

  /** Whether the flag may stand without a value, which then is true. */
  public boolean flagAlone() {
    return declared.type.startsWith(OptionTypes.TRUE_FALSE);
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
    } catch (ConfigException refused) {
      throw new ConfigException(
          "%s (%s, %s).".formatted(refused.getMessage(), name(), origin), refused);
    } catch (IllegalArgumentException refused) {
      boolean word = refused instanceof NumberFormatException && !allowed().contains("number");
      throw new ConfigException(
          "%s is '%s' (%s); it must be %s."
              .formatted(
                  name(),
                  String.join(",", texts),
                  origin,
                  word ? "a number, " + allowed() : allowed()));
    }
  }

  @Override
  public String toString() {
    return name();
  }

  /**
   * Another option that must have a value, or this one has no effect, which a preset may hold all
   * the same.
   */
  public record Requirement<V>(OptionKey<V> key, V value) {
    public boolean metBy(JobOptions options) {
      return Objects.equals(options.get(key), value);
    }
  }

  /**
   * Another option that the run's own command must not give.
   *
   * @param sentence the refusal
   */
  public record Exclusion(OptionKey<?> key, String sentence) {}

  /** Turns a predicate into the exception that {@link #parse} explains. */
  public static <V> V checked(V value, Predicate<V> holds) {
    if (!holds.test(value)) {
      throw new IllegalArgumentException();
    }
    return value;
  }
}
