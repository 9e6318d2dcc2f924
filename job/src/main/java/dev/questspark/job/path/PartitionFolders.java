package dev.questspark.job.path;

import java.util.HashMap;
import java.util.Map;
import org.apache.hadoop.fs.Path;

/** Folders {@code name=value}, as Hive and Spark write columns that a table is partitioned by. */
public final class PartitionFolders {
  private static final String NULL = "__HIVE_DEFAULT_PARTITION__";

  private PartitionFolders() {}

  /** Columns that the folders above a file stand for. */
  public static Map<String, String> values(Path file) {
    Map<String, String> values = new HashMap<>();
    for (Path at = file.getParent(); at != null && !at.isRoot(); at = at.getParent()) {
      String name = at.getName();
      int equals = name.indexOf('=');
      if (equals > 0) {
        String value = unescaped(name.substring(equals + 1));
        values.put(unescaped(name.substring(0, equals)), value.equals(NULL) ? null : value);
      }
    }
    return values;
  }

  /** Undoes {@code %XX}, which stands for one byte of an escaped character. */
  private static String unescaped(String text) {
    if (text.indexOf('%') < 0) {
      return text;
    }
    StringBuilder plain = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) == '%' && text.substring(i).matches("(?s)%[0-9A-Fa-f]{2}.*")) {
        plain.append((char) Integer.parseInt(text.substring(i + 1, i + 3), 16));
        i += 2;
      } else {
        plain.append(text.charAt(i));
      }
    }
    return plain.toString();
  }
}
