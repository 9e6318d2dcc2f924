package dev.questspark.job.options.keys;

import dev.questspark.job.options.Aspect;
import dev.questspark.job.options.Choices.Command;
import dev.questspark.job.options.keys.OptionKey.Exclusion;
import dev.questspark.job.options.keys.OptionKey.Requirement;
import dev.questspark.job.options.keys.OptionKey.Shape;
import dev.questspark.job.options.keys.Scope.Decides;
import dev.questspark.job.options.keys.Scope.Query;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

/**
 * An option under construction: its values. The only way on is {@link #scope}, and only what that
 * gives can be described, so that no declaration leaves its scope out.
 *
 * @param <T> type of the value
 */
final class OptionDeclaration<T> {

  final String name;
  final String type;
  final Shape shape;
  final Function<List<String>, T> parser;
  final String allowed;
  String unit = "";
  final List<String> aliases = new ArrayList<>();
  final List<String> defaultTexts = new ArrayList<>();

  private OptionDeclaration(
      String name, String type, Shape shape, String allowed, Function<List<String>, T> parser) {
    this.name = name;
    this.type = type;
    this.shape = shape;
    this.allowed = allowed;
    this.parser = parser;
  }

  OptionDeclaration<T> unit(String unit) {
    this.unit = unit;
    return this;
  }

  OptionDeclaration<T> alias(String... names) {
    aliases.addAll(List.of(names));
    return this;
  }

  /** The default, as a user would write it; without it the option is null or an empty list. */
  OptionDeclaration<T> defaultValue(String... texts) {
    defaultTexts.addAll(List.of(texts));
    return this;
  }

  /** Where the option applies and what it changes. */
  Scoped<T> scope(Set<Command> commands, Decides decides, Query query) {
    return new Scoped<>(this, new Scope(commands, decides, query));
  }

  /** Starts a declaration of a single value. */
  static <T> OptionDeclaration<T> single(
      String name, String type, String allowed, Function<String, T> parser) {
    return new OptionDeclaration<>(
        name,
        type,
        Shape.SINGLE,
        allowed,
        texts -> texts.isEmpty() ? null : parser.apply(texts.get(0)));
  }

  /** Starts a declaration of a list. */
  static <T> OptionDeclaration<List<T>> list(
      String name, String type, Shape shape, String allowed, Function<String, T> parser) {
    return new OptionDeclaration<>(
        name, type, shape, allowed, texts -> texts.stream().map(parser).toList());
  }

  /** An option under construction: its scope. {@link #description} ends the declaration. */
  static final class Scoped<T> {
    final OptionDeclaration<T> declared;
    final Scope scope;
    Aspect aspect;
    Set<Command> requiredBy = Set.of();
    final List<Requirement<?>> requirements = new ArrayList<>();
    final List<Exclusion> exclusions = new ArrayList<>();

    private Scoped(OptionDeclaration<T> declared, Scope scope) {
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
      requirements.add(new Requirement<>(other, value));
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
}
