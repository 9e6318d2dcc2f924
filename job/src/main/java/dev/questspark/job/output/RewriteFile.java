package dev.questspark.job.output;

import dev.questspark.engine.failure.ErrorCode;
import java.io.IOException;
import java.io.Serial;
import java.io.Serializable;
import java.net.URI;
import java.util.List;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileContext;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Options;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.SimpleGroup;
import org.apache.parquet.schema.GroupType;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.VoidFunction;

/**
 * Replaces a file of {@code answers/} by one with changed rows. The new file takes the old one's
 * name in one rename where the file system can (HDFS, POSIX); an object store deletes first, and a
 * driver that dies in between loses the file's rows to the next run that goes on, which computes
 * them.
 */
final class RewriteFile implements VoidFunction<String> {
  @Serial private static final long serialVersionUID = 1L;

  private final AnswerFiles.Folders folders;
  private final RowChange change;

  RewriteFile(AnswerFiles.Folders folders, RowChange change) {
    this.folders = folders;
    this.change = change;
  }

  @Override
  public void call(String name) throws IOException {
    Configuration conf = folders.hadoop().value();
    Path file = new Path(URI.create(name)); // Spark encodes it
    FileSystem files = OutputFolder.files(file, conf);
    Path changed =
        new Path(folders.uncommitted(), file.getName() + "." + TaskContext.get().taskAttemptId());
    int rows = new AnswerParquet(files, conf).copy(List.of(file), changed, change);
    if (rows == 0) {
      files.delete(file, false);
      files.delete(changed, false);
    } else if (files instanceof RawLocalFileSystem) {
      files.rename(changed, file);
    } else {
      FileContext.getFileContext(file.toUri(), conf)
          .rename(changed, file, Options.Rename.OVERWRITE);
    }
  }

  /**
   * What becomes of a committed row when its file is written again: itself, another, or nothing.
   */
  @FunctionalInterface
  interface RowChange extends Serializable {
    /** The row as it shall be; null for none. */
    Group of(Group row);

    /**
     * No error rows of the parameters, so that they are computed again. Of records whose id another
     * record has they stay, since no run would answer them.
     */
    static RowChange withoutErrors(String paramsHash) {
      return row ->
          row.getString("status", 0).equals("ok")
                  || !row.getString("params_hash", 0).equals(paramsHash)
                  || row.getString("error_code", 0).equals(ErrorCode.DUPLICATE_ID.name())
              ? row
              : null;
    }

    /**
     * What an update leaves of the rows that were made with the parameters.
     *
     * @param replaced keys of records whose document has newer answers: no rows
     * @param vanished keys of records that the corpus has no more: marked
     * @param returned keys of records that it has again: not marked any more
     * @param micros when, since 1970
     */
    static RowChange updated(
        String paramsHash,
        Set<Long> replaced,
        Set<Long> vanished,
        Set<Long> returned,
        long micros) {
      return row -> {
        if (!row.getString("params_hash", 0).equals(paramsHash)) {
          return row;
        }
        long key = row.getLong("record_key", 0);
        if (replaced.contains(key)) {
          return null;
        }
        boolean marked = row.getFieldRepetitionCount(AnswerSchema.VANISHED_AT) > 0;
        if (vanished.contains(key) && !marked) {
          row.add(AnswerSchema.VANISHED_AT, micros);
        } else if (returned.contains(key) && marked) {
          return without(row, AnswerSchema.VANISHED_AT);
        }
        return row;
      };
    }

    /** A copy without a field; a group cannot lose one. */
    private static Group without(Group row, String field) {
      GroupType type = row.getType();
      Group copy = new SimpleGroup(type);
      for (int i = 0; i < type.getFieldCount(); i++) {
        if (!type.getFieldName(i).equals(field)) {
          for (int at = 0; at < row.getFieldRepetitionCount(i); at++) {
            add(copy, row, i, at);
          }
        }
      }
      return copy;
    }

    private static void add(Group copy, Group row, int field, int at) {
      if (!row.getType().getType(field).isPrimitive()) {
        copy.add(field, row.getGroup(field, at));
        return;
      }
      switch (row.getType().getType(field).asPrimitiveType().getPrimitiveTypeName()) {
        case INT32 -> copy.add(field, row.getInteger(field, at));
        case INT64 -> copy.add(field, row.getLong(field, at));
        case FLOAT -> copy.add(field, row.getFloat(field, at));
        case DOUBLE -> copy.add(field, row.getDouble(field, at));
        case BOOLEAN -> copy.add(field, row.getBoolean(field, at));
        default -> copy.add(field, row.getBinary(field, at));
      }
    }
  }
}
