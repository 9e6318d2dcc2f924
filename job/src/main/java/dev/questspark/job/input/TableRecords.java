package dev.questspark.job.input;

import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.job.path.GivenPath;
import java.io.Serial;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.api.java.function.Function;
import org.apache.spark.sql.Row;

/**
 * A row of a table as a record. The row has the maker's columns as bytes or lists of bytes, then
 * the source, the place, the length of the text in bytes, and the hash of a text that is too long.
 */
public final class TableRecords implements Function<Row, FoundRecord> {
  @Serial private static final long serialVersionUID = 1L;

  private final RecordMaker maker;
  private final boolean files;
  private final HashMap<String, Map<String, String>> folders;

  /**
   * @param files whether sources are URIs of files
   * @param folders values of the folders {@code name=value} above each file, by its path
   */
  public TableRecords(RecordMaker maker, boolean files, Map<String, Map<String, String>> folders) {
    this.maker = maker;
    this.files = files;
    this.folders = new HashMap<>(folders);
  }

  @Override
  public FoundRecord call(Row row) {
    int columns = maker.columns().size();
    String source = row.getString(columns);
    String where = row.getString(columns + 1);
    String path = files ? GivenPath.ofUri(source).toString() : source;
    if (!row.isNullAt(columns + 3)) {
      return FoundRecord.refused(
          path,
          where,
          ErrorCode.TOO_MUCH_TEXT,
          maker.tooLarge(row.getInt(columns + 2)),
          row.getLong(columns + 3));
    }
    Object[] values = new Object[columns];
    for (int i = 0; i < columns; i++) {
      values[i] = value(row.get(i));
    }
    byte[] text = row.getAs(1);
    InputFile read = new InputFile(path, "", 0, folders.getOrDefault(path, Map.of()));
    return maker.make(
        path,
        where,
        read.withFolders(maker.columns(), values),
        () -> text == null ? 0 : ContentHash.of(text));
  }

  private static Object value(Object found) {
    if (found instanceof byte[] bytes) {
      return Utf8.decode(bytes).<Object>map(text -> text).orElse(RecordMaker.Damage.NOT_UTF8);
    }
    if (found instanceof scala.collection.Seq<?> elements) {
      List<Object> values = new ArrayList<>();
      for (int i = 0; i < elements.length(); i++) {
        values.add(value(elements.apply(i)));
      }
      return values;
    }
    return found;
  }
}
