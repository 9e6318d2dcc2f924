package dev.questspark.job.input;

import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.job.input.FoundRecord.Texts;
import java.io.IOException;
import java.io.InputStream;
import java.io.Serial;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.io.Text;
import org.apache.hadoop.util.LineReader;

/** JSON lines: one object on each line. Lines of nothing but blanks are no records. */
public final class JsonLines implements RecordReader {
  @Serial private static final long serialVersionUID = 1L;

  private static final int BUFFER = 1 << 16;
  private static final byte[] MARK = {(byte) 0xEF, (byte) 0xBB, (byte) 0xBF};

  private final RecordMaker maker;

  JsonLines(RecordMaker maker) {
    this.maker = maker;
  }

  @Override
  public boolean splittable() {
    return true;
  }

  @Override
  public Iterator<FoundRecord> records(InputFile.Part part, Configuration hadoop)
      throws IOException {
    return new Lines(part, hadoop);
  }

  /** Looks at the columns of some records. */
  void look(InputFile.Part part, Configuration hadoop, int most, FoundColumns found)
      throws IOException {
    Lines lines = new Lines(part, hadoop);
    for (int i = 0; i < most && lines.advance(); i++) {
      if (lines.length > lines.limit()) {
        continue; // an error row, whatever its columns
      }
      Set<String> keys = new HashSet<>();
      try {
        Object[] values = lines.parser.values(Utf8.replaced(lines.line()), keys);
        found.record(maker, keys, lines.withFolders(values));
      } catch (JsonRecord.Malformed unusable) {
        found.unusable();
      }
    }
    lines.close();
  }

  /** The lines that begin in a part of a file. */
  private final class Lines implements Iterator<FoundRecord>, AutoCloseable {
    private final InputFile.Part part;
    private final InputStream in;
    private final LineReader reader;
    private final JsonRecord parser = new JsonRecord(maker.columns());
    private final Text line = new Text();
    private final long to;
    private long at;
    private long start;
    private long length;
    private boolean waiting;
    private boolean ended;

    Lines(InputFile.Part part, Configuration hadoop) throws IOException {
      this.part = part;
      this.in = OpenedFile.open(part.file(), part.from(), hadoop);
      this.reader = new LineReader(in, BUFFER);
      this.at = part.from();
      this.to = OpenedFile.packed(part.file(), hadoop) ? Long.MAX_VALUE : part.to();
      if (at > 0) {
        at += reader.readLine(new Text(), 0); // belongs to the part before
      }
    }

    /** Whether there is another line that is not blank. */
    boolean advance() {
      try {
        while (!ended && at <= to) {
          start = at;
          length = reader.readLine(line, limit());
          if (length == 0) {
            break;
          }
          at += length;
          if (length > limit() || !blank()) {
            return true;
          }
        }
        ended = true;
        close();
        return false;
      } catch (IOException unreadable) {
        throw new UncheckedIOException(OpenedFile.unreadable(part.file(), unreadable));
      }
    }

    private int limit() {
      return (int) Math.min(maker.maxBytes(), Integer.MAX_VALUE - 16);
    }

    private boolean blank() {
      byte[] bytes = line.getBytes();
      for (int i = start == 0 && marked() ? MARK.length : 0; i < line.getLength(); i++) {
        if (bytes[i] != ' ' && bytes[i] != '\t' && bytes[i] != '\r') {
          return false;
        }
      }
      return true;
    }

    private boolean marked() {
      return line.getLength() >= MARK.length
          && Arrays.equals(MARK, 0, MARK.length, line.getBytes(), 0, MARK.length);
    }

    byte[] line() {
      int from = start == 0 && marked() ? MARK.length : 0;
      return Arrays.copyOfRange(line.getBytes(), from, line.getLength());
    }

    @Override
    public boolean hasNext() {
      waiting = waiting || advance();
      return waiting;
    }

    @Override
    public FoundRecord next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      waiting = false;
      String source = part.file().path();
      String where = "the line at byte " + start;
      if (length > limit()) {
        long hash = ContentHash.of(line.copyBytes()) + length;
        line.set(new byte[0]);
        return FoundRecord.refused(
            source, where, ErrorCode.TOO_MUCH_TEXT, maker.tooLarge(length), hash);
      }
      byte[] bytes = line();
      try {
        if (!Utf8.valid(bytes)) {
          return notUtf8(source, where, bytes);
        }
        Object[] values = withFolders(parser.values(bytes, new HashSet<>()));
        return maker.make(source, where, values, () -> ContentHash.of(bytes));
      } catch (JsonRecord.Malformed wrong) {
        return FoundRecord.refused(
            source,
            where,
            ErrorCode.MALFORMED_RECORD,
            wrong.getMessage() + ": " + FoundRecord.head(Utf8.replaced(bytes)),
            ContentHash.of(bytes));
      }
    }

    /** Of such a line the id is kept, if it is not what is damaged. */
    private FoundRecord notUtf8(String source, String where, byte[] bytes)
        throws JsonRecord.Malformed {
      Object[] values = withFolders(parser.values(Utf8.replaced(bytes), new HashSet<>()));
      FoundRecord found = maker.make(source, where, values, () -> 0);
      Texts texts = found.texts();
      String id = texts.id();
      boolean known = id != null && id.indexOf(Utf8.REPLACEMENT) < 0;
      return new FoundRecord(
          source,
          where,
          new Texts(known ? id : null, null, texts.questions(), texts.answers(), List.of()),
          ErrorCode.INVALID_UTF8,
          ErrorCode.INVALID_UTF8.meaning(),
          ContentHash.of(bytes));
    }

    private Object[] withFolders(Object[] values) {
      return part.file().withFolders(maker.columns(), values);
    }

    @Override
    public void close() throws IOException {
      in.close();
    }
  }
}
