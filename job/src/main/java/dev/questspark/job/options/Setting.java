package dev.questspark.job.options;

import java.util.List;

/**
 * An option's value as given, and where it was given.
 *
 * @param texts one per element; empty for none
 * @param origin {@code flag}, {@code Spark conf}, a preset's file, {@code default}
 */
public record Setting(List<String> texts, String origin) {
  public static final String FLAG = "flag";
  public static final String ARGUMENT = "argument";
  public static final String SPARK_CONF = "Spark conf";
  public static final String DEFAULT = "default";

  public Setting {
    texts = List.copyOf(texts);
  }

  /** As one text. */
  public String shown() {
    return String.join(",", texts);
  }

  /** Whether one command gave it; a preset is shared by many. */
  public boolean ofTheCommand() {
    return origin.equals(FLAG) || origin.equals(SPARK_CONF);
  }

  /**
   * Whether it was given where settings count as much as the other, or more: first flags and a
   * query's arguments, then Spark's conf, then files.
   */
  public boolean countsAsMuchAs(Setting other) {
    return place() <= other.place();
  }

  private int place() {
    return switch (origin) {
      case FLAG, ARGUMENT -> 0;
      case SPARK_CONF -> 1;
      case DEFAULT -> 3;
      default -> 2;
    };
  }

  /** Whether nobody gave it. */
  public boolean isDefault() {
    return origin.equals(DEFAULT);
  }
}
