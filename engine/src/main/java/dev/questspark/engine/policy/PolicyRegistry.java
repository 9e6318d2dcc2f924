package dev.questspark.engine.policy;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.failure.Suggestions;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.digest.PageScores;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.StringJoiner;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Names to record classes, and texts to records and back. A record's components are its parameters:
 * int, double, boolean, an enum, a page score, or another policy.
 *
 * <p>The text of a policy is its name and its parameters, {@code name(one=1, two=2)}; a policy
 * inside another stands there without a parameter name.
 *
 * @param <P> what the records have in common
 */
public final class PolicyRegistry<P> {
  /** The parameter that no family tells apart. */
  private static final String BUDGET = "budget";

  private final String kind;
  private final Class<P> type;
  private final Map<String, Class<? extends P>> byName = new LinkedHashMap<>();
  private final Map<String, String> aliases = new LinkedHashMap<>();

  /**
   * An empty registry.
   *
   * @param kind what is registered, in messages
   */
  public PolicyRegistry(String kind, Class<P> type) {
    this.kind = kind;
    this.type = type;
  }

  /** Registers a record class under a name, and names that mean the same. */
  public <R extends Record> PolicyRegistry<P> add(
      String name, Class<R> policy, String... alternatives) {
    if (byName.put(name, policy.asSubclass(type)) != null) {
      throw new IllegalStateException("two of " + kind + " are called " + name);
    }
    for (String alternative : alternatives) {
      aliases.put(alternative, name);
    }
    return this;
  }

  /**
   * A parameter of a registered policy.
   *
   * @param name as in the text; empty for a policy inside another
   * @param allowed what it may be
   * @param defaultValue empty if it must be given
   */
  public record ParameterFacts(
      String name, String allowed, String defaultValue, String description) {}

  /** Registered names, in order. */
  public Set<String> names() {
    return byName.keySet();
  }

  /** Names of the policies that hold no other policy, in order. */
  public Set<String> namesOfSelections() {
    return byName.entrySet().stream()
        .filter(entry -> components(entry.getValue()).stream().noneMatch(this::nested))
        .map(Map.Entry::getKey)
        .collect(Collectors.toCollection(LinkedHashSet::new));
  }

  /** The registered name of a policy's class. */
  public String name(Class<?> policy) {
    return byName.entrySet().stream()
        .filter(entry -> entry.getValue() == policy)
        .findFirst()
        .orElseThrow(() -> new IllegalStateException(policy + " is not a registered " + kind))
        .getKey();
  }

  /**
   * The registered name that a name or its alias stands for.
   *
   * @throws ConfigException when there is none
   */
  public String canonicalName(String name) {
    return name(find(name));
  }

  /** The record class of a policy. */
  public Class<? extends P> recordOf(String name) {
    return find(name);
  }

  /** What a policy does, in one sentence. */
  public String description(String name) {
    return find(name).getAnnotation(Description.class).value();
  }

  /** Parameters of a policy, in order. */
  public List<ParameterFacts> parameters(String name) {
    return components(find(name)).stream()
        .map(
            component -> {
              Parameter facts = component.getAnnotation(Parameter.class);
              return new ParameterFacts(
                  nested(component) ? "" : component.getName(),
                  allowed(component),
                  facts.defaultValue(),
                  facts.description());
            })
        .toList();
  }

  /** The canonical text: every parameter, in the order of the record. */
  public String text(P policy) {
    StringJoiner arguments = new StringJoiner(", ", "(", ")").setEmptyValue("");
    for (RecordComponent component : components(policy.getClass())) {
      String value = shown(component, policy);
      arguments.add(nested(component) ? value : component.getName() + "=" + value);
    }
    return name(policy.getClass()) + arguments;
  }

  /** Without the budget and without parameters that have their default. */
  public String shortText(P policy) {
    return withoutDefaults(policy, Set.of(BUDGET));
  }

  /** Without parameters that have their default. */
  public String withoutDefaults(P policy) {
    return withoutDefaults(policy, Set.of());
  }

  private String withoutDefaults(P policy, Set<String> leftOut) {
    StringJoiner arguments = new StringJoiner(", ", "(", ")").setEmptyValue("");
    for (RecordComponent component : components(policy.getClass())) {
      String value = shown(component, policy);
      String byDefault = component.getAnnotation(Parameter.class).defaultValue();
      if (!leftOut.contains(component.getName()) && !value.equals(byDefault)) {
        arguments.add(nested(component) ? value : component.getName() + "=" + value);
      }
    }
    return name(policy.getClass()) + arguments;
  }

  /**
   * Reads a text.
   *
   * @throws ConfigException naming what is wrong, and what is known
   */
  public P parse(String text) {
    PolicyText parts = PolicyText.of(kind, text);
    Class<? extends P> policy = find(parts.name());
    Map<String, String> values = new LinkedHashMap<>();
    for (PolicyText.Argument argument : parts.arguments()) {
      String parameter =
          argument.name().isEmpty() ? unnamed(policy, argument.value()) : argument.name();
      if (values.put(parameter, argument.value()) != null) {
        throw wrong(policy, parameter + " is given twice; keep one");
      }
    }
    return make(policy, values);
  }

  /**
   * The policy of a name, from those of the given values that it has a parameter for.
   *
   * @param values parameter to text
   * @throws ConfigException when the name is unknown or a value is not allowed
   */
  public P of(String name, Map<String, String> values) {
    Class<? extends P> policy = find(name);
    Set<String> known = parameterNames(policy);
    return make(
        policy,
        values.entrySet().stream()
            .filter(entry -> known.contains(entry.getKey()))
            .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue)));
  }

  /**
   * For a policy's constructor.
   *
   * @throws ConfigException when the parameter is smaller
   */
  public void atLeast(int least, Class<?> policy, String parameter, int value) {
    require(value >= least, policy, parameter, value, "at least " + least);
  }

  /**
   * For a policy's constructor.
   *
   * @param allowed what the parameter may be
   * @throws ConfigException when that does not hold
   */
  public void require(
      boolean holds, Class<?> policy, String parameter, Number value, String allowed) {
    if (!holds) {
      throw wrong(policy, parameter + " is " + value + "; it must be " + allowed);
    }
  }

  private Class<? extends P> find(String name) {
    Class<? extends P> policy = byName.get(aliases.getOrDefault(name, name));
    if (policy == null) {
      throw new ConfigException(
          kind
              + " '"
              + name
              + "' is unknown"
              + (byName.isEmpty()
                  ? "; none is known"
                  : "; known: " + String.join(", ", byName.keySet()))
              + Suggestions.hint(name, byName.keySet()));
    }
    return policy;
  }

  private P make(Class<? extends P> policy, Map<String, String> values) {
    Set<String> known = parameterNames(policy);
    for (String name : values.keySet()) {
      if (!known.contains(name)) {
        throw wrong(
            policy,
            "parameter '"
                + name
                + "' is unknown"
                + (known.isEmpty() ? "; it has none" : "; known: " + String.join(", ", known))
                + Suggestions.hint(name, known));
      }
    }
    List<RecordComponent> components = components(policy);
    Object[] arguments = new Object[components.size()];
    for (int i = 0; i < arguments.length; i++) {
      RecordComponent component = components.get(i);
      String byDefault = component.getAnnotation(Parameter.class).defaultValue();
      String text = values.getOrDefault(component.getName(), byDefault);
      if (text.isEmpty()) {
        throw wrong(
            policy,
            nested(component)
                ? "the " + kind + " inside it is missing"
                : component.getName() + " is missing; it must be " + allowed(component));
      }
      arguments[i] = value(policy, component, text);
    }
    try {
      return constructor(policy, components).newInstance(arguments);
    } catch (InvocationTargetException refused) {
      throw refused.getCause() instanceof ConfigException cause
          ? cause
          : new IllegalStateException(refused.getCause());
    } catch (ReflectiveOperationException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  private static <R> Constructor<R> constructor(Class<R> policy, List<RecordComponent> components)
      throws NoSuchMethodException {
    Constructor<R> constructor =
        policy.getDeclaredConstructor(
            components.stream().map(RecordComponent::getType).toArray(Class<?>[]::new));
    constructor.setAccessible(true);
    return constructor;
  }

  private Object value(Class<?> policy, RecordComponent component, String text) {
    if (nested(component)) {
      return parse(text);
    }
    Class<?> wanted = component.getType();
    try {
      if (wanted == int.class) {
        return Integer.valueOf(text);
      } else if (wanted == String.class) {
        return text;
      } else if (wanted == double.class) {
        return Double.valueOf(text);
      } else if (choice(wanted)) {
        return constants(wanted)
            .filter(constant -> word(constant).equalsIgnoreCase(text))
            .findFirst()
            .orElseThrow(IllegalArgumentException::new);
      } else if (wanted == boolean.class && List.of("true", "false").contains(text)) {
        return Boolean.valueOf(text);
      }
      throw new IllegalArgumentException();
    } catch (IllegalArgumentException unreadable) {
      throw wrong(
          policy, component.getName() + " is '" + text + "'; it must be " + allowed(component));
    }
  }

  private String allowed(RecordComponent component) {
    Class<?> wanted = component.getType();
    if (choice(wanted)) {
      return "one of "
          + constants(wanted).map(PolicyRegistry::word).collect(Collectors.joining(", "));
    }
    return nested(component)
        ? "a " + kind
        : wanted == int.class
            ? "a whole number"
            : wanted == double.class
                ? "a number"
                : wanted == String.class ? "a path without , ( ) and +" : "true or false";
  }

  /** The parameter of an argument without a name: the policy inside another, if it has one. */
  private String unnamed(Class<?> policy, String argument) {
    return components(policy).stream()
        .filter(this::nested)
        .map(RecordComponent::getName)
        .findFirst()
        .orElseThrow(
            () ->
                wrong(
                    policy,
                    "'"
                        + argument
                        + "' names no parameter; write name=value, with "
                        + String.join(", ", parameterNames(policy))));
  }

  private String shown(RecordComponent component, P policy) {
    try {
      component.getAccessor().setAccessible(true);
      Object value = component.getAccessor().invoke(policy);
      return nested(component)
          ? text(type.cast(value))
          : choice(component.getType()) ? word(value) : String.valueOf(value);
    } catch (ReflectiveOperationException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  private boolean nested(RecordComponent component) {
    return component.getType() == type;
  }

  /** Whether a parameter is one of a few words. */
  private static boolean choice(Class<?> type) {
    return type.isEnum() || type == PageScore.class;
  }

  private static Stream<?> constants(Class<?> type) {
    return type.isEnum() ? Stream.of(type.getEnumConstants()) : PageScores.KNOWN.stream();
  }

  private static String word(Object constant) {
    return constant instanceof PageScore score
        ? score.name()
        : ((Enum<?>) constant).name().toLowerCase(Locale.ROOT);
  }

  private static List<RecordComponent> components(Class<?> policy) {
    return List.of(policy.getRecordComponents());
  }

  private static Set<String> parameterNames(Class<?> policy) {
    return components(policy).stream()
        .map(RecordComponent::getName)
        .collect(Collectors.toCollection(LinkedHashSet::new));
  }

  private ConfigException wrong(Class<?> policy, String what) {
    return new ConfigException(kind + " " + name(policy) + ": " + what);
  }
}
