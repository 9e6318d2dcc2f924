package dev.questspark.job.progress;

import java.util.Locale;

/** Numbers as people read them. */
public final class Quantities {
  private Quantities() {}

  /** Three figures at most, then k and M. */
  static String count(double value) {
    if (value >= 1e6) {
      return String.format(Locale.ROOT, "%.1fM", value / 1e6);
    }
    if (value >= 1e4) {
      return String.format(Locale.ROOT, "%.1fk", value / 1e3);
    }
    return value >= 100
        ? String.format(Locale.ROOT, "%.0f", value)
        : String.format(Locale.ROOT, "%.1f", value);
  }

  /** "1 document", "2 documents". */
  public static String counted(long number, String noun) {
    return number + " " + noun + (number == 1 ? "" : "s");
  }

  static String duration(double seconds) {
    long whole = Math.round(seconds);
    if (whole < 60) {
      return whole + "s";
    }
    return whole < 3600
        ? "%dm%02ds".formatted(whole / 60, whole % 60)
        : "%dh%02dm".formatted(whole / 3600, whole % 3600 / 60);
  }

  /** A share in percent; a dash when there is none. */
  static String percent(Double share) {
    return share == null ? "-" : String.format(Locale.ROOT, "%.1f %%", 100 * share);
  }

  static String rate(Double perSecond) {
    return perSecond == null ? "-" : count(perSecond);
  }
}
