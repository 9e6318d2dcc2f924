package dev.questspark.engine.jinja.syntax;

/** The filters and tests that a template may name. */
public interface Vocabulary {
  boolean hasFilter(String name);

  boolean hasTest(String name);
}
