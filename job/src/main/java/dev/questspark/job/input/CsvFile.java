package dev.questspark.job.input;

import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.job.options.CorpusOptions.NamedColumn;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.Serial;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/** CSV files, each with its columns' names in its first line, in an order of its own. */
public final class CsvFile implements RecordReader {
  @Serial private static final long serialVersionUID = 1L;

  private final RecordMaker maker;
  private final CsvDialect dialect;

  CsvFile(RecordMaker maker, CsvDialect dialect) {
    this.maker = maker;
    this.dialect = dialect;
  }

  /** A quoted cell may hold line breaks, so that no line can be known for a record's first. */
  @Override
  public boolean splittable() {
    return false;
  }

  @Override
  public Iterator<FoundRecord> records(InputFile.Part part, Configuration hadoop)
      throws IOException {
    return new Rows(part.file(), hadoop);
  }

  /** Names of a file's columns; empty for a file of nothing but blank lines. */
  private List<String> header(InputFile file, Configuration hadoop) throws IOException {
    try (InputStream in = OpenedFile.open(file, 0, hadoop)) {
      return names(new CsvParser(in, dialect, maker.maxBytes()).next());
    }
  }

  /** What is wrong with a file's first line, as one sentence; it must name each column once. */
  Optional<String> wrong(InputFile file, Configuration hadoop) throws IOException {
    List<String> header = header(file, hadoop);
    if (header.isEmpty()) {
      return Optional.empty();
    }
    String name = new Path(file.path()).toUri().getPath();
    for (NamedColumn column : maker.columns()) {
      int times = Collections.frequency(header, column.name());
      if (times > 1) {
        return Optional.of(
            "File "
                + name
                + " has the column '"
                + column.name()
                + "' "
                + times
                + " times; rename one"
                + " of them.");
      }
      if (times == 0 && !file.folders().containsKey(column.name())) {
        return Optional.of(
            FoundColumns.missing("File " + name, column, header).getMessage() + separator(header));
      }
    }
    return Optional.empty();
  }

  /** What may be the matter with a header of one cell. */
  private static String separator(List<String> header) {
    if (header.size() == 1) {
      for (String separator : List.of(";", "\t", "|")) {
        if (header.get(0).contains(separator)) {
          return " If cells are separated by "
              + (separator.equals("\t") ? "tabs" : separator)
              + ", give --input-option sep='"
              + (separator.equals("\t") ? "\\t" : separator)
              + "'.";
        }
      }
    }
    return "";
  }

  private static List<String> names(CsvParser.Line header) {
    List<String> names = new ArrayList<>();
    if (header != null) {
      header.cells().forEach(cell -> names.add(cell == null ? "" : Utf8.replaced(cell)));
    }
    return names;
  }

  private final class Rows implements Iterator<FoundRecord> {
    private final InputFile file;
    private final InputStream in;
    private final CsvParser parser;
    private final List<String> names;
    private final int[] cellOfColumn;
    private CsvParser.Line row;

    Rows(InputFile file, Configuration hadoop) throws IOException {
      this.file = file;
      this.in = OpenedFile.open(file, 0, hadoop);
      this.parser = new CsvParser(in, dialect, maker.maxBytes());
      this.names = names(parser.next());
      List<NamedColumn> columns = maker.columns();
      this.cellOfColumn =
          columns.stream().mapToInt(column -> names.indexOf(column.name())).toArray();
      advance();
    }

    private void advance() {
      try {
        row = parser.next();
        if (row == null) {
          in.close();
        }
      } catch (IOException unreadable) {
        throw new UncheckedIOException(OpenedFile.unreadable(file, unreadable));
      }
    }

    @Override
    public boolean hasNext() {
      return row != null;
    }

    @Override
    public FoundRecord next() {
      if (row == null) {
        throw new NoSuchElementException();
      }
      FoundRecord found = record(row);
      advance();
      return found;
    }

    private FoundRecord record(CsvParser.Line line) {
      String where = "line " + line.line();
      if (line.bytes() > maker.maxBytes()) {
        return FoundRecord.refused(
            file.path(), where, ErrorCode.TOO_MUCH_TEXT, maker.tooLarge(line.bytes()), line.hash());
      }
      String wrong = line.wrong();
      if (wrong == null && line.cells().size() != names.size()) {
        wrong = "it has " + line.cells().size() + " cells, and the first line " + names.size();
      }
      if (wrong != null) {
        return FoundRecord.refused(
            file.path(),
            where,
            ErrorCode.MALFORMED_RECORD,
            wrong + ": " + FoundRecord.head(Utf8.replaced(joined(line.cells()))),
            line.hash());
      }
      Object[] values = new Object[cellOfColumn.length];
      for (int i = 0; i < values.length; i++) {
        byte[] cell = cellOfColumn[i] < 0 ? null : line.cells().get(cellOfColumn[i]);
        values[i] =
            cell == null
                ? null
                : Utf8.decode(cell).<Object>map(text -> text).orElse(RecordMaker.Damage.NOT_UTF8);
      }
      return maker.make(file.path(), where, file.withFolders(maker.columns(), values), line::hash);
    }

    private byte[] joined(List<byte[]> cells) {
      ByteArrayOutputStream joined = new ByteArrayOutputStream();
      for (int i = 0; i < cells.size(); i++) {
        if (i > 0) {
          joined.write(dialect.separator());
        }
        if (cells.get(i) != null) {
          joined.writeBytes(cells.get(i));
        }
      }
      return joined.toByteArray();
    }
  }
}
