package dev.questspark.engine.jinja;

/** The filters and tests that a template may name. */
interface Vocabulary {
  boolean hasFilter(String name);

  boolean hasTest(String name);
}
