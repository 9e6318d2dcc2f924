package dev.questspark.job.report;

import java.util.Locale;

/** Numbers and text for people and for HTML. */
final class Format {
  private Format() {}

  static String html(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;");
  }

  /** Three significant digits, without an exponent. */
  static String number(double value) {
    double size = Math.abs(value);
    if (size >= 99_950) {
      return String.format(Locale.ROOT, "%.0fk", value / 1000);
    }
    if (size >= 9_995) {
      return String.format(Locale.ROOT, "%.1fk", value / 1000);
    }
    int decimals = size == 0 || size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3;
    return String.format(Locale.ROOT, "%." + decimals + "f", value);
  }

  static String percent(double share) {
    return String.format(Locale.ROOT, "%.1f %%", 100 * share);
  }

  /** Percentage points with a sign. */
  static String points(double difference) {
    return String.format(Locale.ROOT, "%+.1f", 100 * difference);
  }

  static String coordinate(double value) {
    return String.format(Locale.ROOT, "%.1f", value);
  }
}
