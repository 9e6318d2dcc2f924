package dev.questspark.job.input;

import dev.questspark.job.options.CorpusOptions.NamedColumn;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * One file of the input.
 *
 * @param path in full
 * @param id the document's, where the file is one: its path below the input
 * @param folders values of the folders {@code name=value} above it, by name; null values for Hive's
 *     null
 */
public record InputFile(String path, String id, long bytes, Map<String, String> folders)
    implements Serializable {
  /** A part of it; all of it is from 0 to its length. */
  public record Part(InputFile file, long from, long to) implements Serializable {}

  public Part whole() {
    return new Part(this, 0, bytes);
  }

  /** Its name without the ending of its compression. */
  public String unpackedName() {
    return InputFormat.uncompressed(path);
  }

  /** Values of the folders of these names. */
  public List<String> folderValues(List<NamedColumn> columns) {
    List<String> values = new ArrayList<>();
    columns.forEach(column -> values.add(folders.get(column.name())));
    return values;
  }

  /** Fills what a record lacks with the values of the folders of that name. */
  Object[] withFolders(List<NamedColumn> columns, Object[] values) {
    for (int i = 0; i < values.length && !folders.isEmpty(); i++) {
      if (values[i] == null) {
        values[i] = folders.get(columns.get(i).name());
      }
    }
    return values;
  }
}
