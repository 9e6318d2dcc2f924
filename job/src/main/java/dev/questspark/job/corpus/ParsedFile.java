package dev.questspark.job.corpus;

import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.job.input.ContentHash;
import dev.questspark.job.input.FoundRecord;
import dev.questspark.job.input.FoundRecord.Texts;
import dev.questspark.job.input.InputFile;
import dev.questspark.job.input.OpenedFile;
import dev.questspark.job.input.RecordReader;
import dev.questspark.job.options.CorpusOptions.NamedColumn;
import java.io.IOException;
import java.io.InputStream;
import java.io.Serial;
import java.util.Iterator;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Row;

/** Files of many kinds, each one document, as {@link FileText} reads them. */
final class ParsedFile implements RecordReader {
  @Serial private static final long serialVersionUID = 1L;

  private static final int MOST_BYTES = Integer.MAX_VALUE - 16;

  private final FileText parser;
  private final List<NamedColumn> kept;

  ParsedFile(FileText parser, List<NamedColumn> kept) {
    this.parser = parser;
    this.kept = List.copyOf(kept);
  }

  @Override
  public boolean splittable() {
    return false;
  }

  @Override
  public Iterator<FoundRecord> records(InputFile.Part part, Configuration hadoop)
      throws IOException {
    return List.of(record(part.file(), hadoop)).iterator();
  }

  private FoundRecord record(InputFile file, Configuration hadoop) throws IOException {
    if (file.bytes() > MOST_BYTES) {
      return FoundRecord.refused(
          file.path(),
          null,
          texts(file, null),
          ErrorCode.TOO_MUCH_TEXT,
          "the file has " + file.bytes() + " bytes, and at most " + MOST_BYTES + " are read",
          file.bytes());
    }
    byte[] content;
    try (InputStream in = OpenedFile.open(file, 0, hadoop)) {
      content = in.readNBytes(MOST_BYTES);
    }
    Row parsed = parser.read(file.unpackedName(), content);
    String refused = parsed.getString(1);
    return new FoundRecord(
        file.path(),
        null,
        texts(file, parsed.getString(0)),
        refused == null ? null : ErrorCode.valueOf(refused),
        parsed.getString(2),
        ContentHash.of(content));
  }

  private Texts texts(InputFile file, String text) {
    return new Texts(file.id(), text, null, null, file.folderValues(kept));
  }
}
