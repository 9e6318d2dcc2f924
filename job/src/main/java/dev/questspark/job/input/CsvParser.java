package dev.questspark.job.input;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;

/**
 * The rows of a CSV stream as bytes, after RFC 4180: cells may be quoted, and then hold separators
 * and line breaks. Every byte belongs to some row; a row that is not well formed says why.
 */
final class CsvParser {
  private static final int BUFFER = 1 << 16;
  private static final int END = -1;

  /** Of the 64-bit FNV-1a hash (Fowler, Noll and Vo). */
  private static final long FNV_OFFSET = 0xcbf29ce484222325L;

  private static final long FNV_PRIME = 0x100000001b3L;

  /**
   * One row.
   *
   * @param cells null where an unquoted cell is empty
   * @param line of its first byte, from 1
   * @param bytes that it takes, more than are kept of a row that is too large
   * @param wrong what is not well formed; null when nothing is
   * @param hash of its bytes
   */
  record Line(List<byte[]> cells, long line, long bytes, String wrong, long hash) {}

  private final InputStream in;
  private final byte[] buffer = new byte[BUFFER];
  private final CsvDialect dialect;
  private final long maxBytes;
  private int at;
  private int filled;
  private long line = 1;

  private List<byte[]> cells;
  private ByteArrayOutputStream cell;
  private long hash;
  private long bytes;
  private String wrong;

  /**
   * @param maxBytes of a row; what is longer is not kept
   */
  CsvParser(InputStream in, CsvDialect dialect, long maxBytes) throws IOException {
    this.in = in;
    this.dialect = dialect;
    this.maxBytes = maxBytes;
    skipMark();
  }

  /** Before the first quote, which it would hide. */
  private void skipMark() throws IOException {
    filled = in.readNBytes(buffer, 0, BUFFER);
    boolean mark =
        filled >= 3
            && (buffer[0] & 0xFF) == 0xEF
            && (buffer[1] & 0xFF) == 0xBB
            && (buffer[2] & 0xFF) == 0xBF;
    at = mark ? 3 : 0;
  }

  /** The next row that is not a blank line; null at the end. */
  Line next() throws IOException {
    while (true) {
      long first = line;
      cells = new ArrayList<>();
      cell = new ByteArrayOutputStream();
      hash = FNV_OFFSET;
      bytes = 0;
      wrong = null;
      boolean ended = row();
      if (cells.isEmpty()) {
        return null;
      }
      boolean blank = cells.size() == 1 && cells.get(0) == null && wrong == null;
      if (!blank) {
        return new Line(cells, first, bytes, wrong, hash);
      }
      if (ended) {
        return null;
      }
    }
  }

  /** Reads to the end of the row; whether that is the end of the stream. */
  private boolean row() throws IOException {
    while (true) {
      int next = read();
      if (next == END) {
        if (bytes > 0) {
          endCell(false);
        }
        return true;
      }
      int after;
      if (next == dialect.quote()) {
        after = quoted();
      } else {
        after = plain(next);
      }
      if (after != dialect.separator()) {
        return after == END;
      }
      if (peek() == END) {
        endCell(false); // an empty last cell
        return true;
      }
    }
  }

  /** An unquoted cell from its first byte; gives the byte that ended it. */
  private int plain(int first) throws IOException {
    int next = first;
    while (next != END && next != dialect.separator() && !endsLine(next)) {
      keep(next);
      next = read();
    }
    endCell(false);
    return next;
  }

  private int quoted() throws IOException {
    long opened = line;
    while (true) {
      int next = read();
      if (next == END) {
        wrong =
            "a quote opened in line "
                + opened
                + " is not closed, so that the "
                + Math.max(1, line - opened + 1)
                + " lines to the end of the file are one record";
        endCell(true);
        return END;
      }
      if (next == dialect.escape() && dialect.escape() != dialect.quote()) {
        int escaped = peek();
        if (escaped == dialect.quote() || escaped == dialect.escape()) {
          next = read();
        }
        keep(next);
      } else if (next != dialect.quote()) {
        keep(next);
        countLine(next);
      } else if (dialect.escape() == dialect.quote() && peek() == dialect.quote()) {
        keep(read());
      } else {
        return closed();
      }
    }
  }

  /** After a closing quote: the separator, or the end of the line. */
  private int closed() throws IOException {
    int next = read();
    if (next != END && next != dialect.separator() && !endsLine(next)) {
      wrong = "line " + line + " has text after a closing quote";
      while (next != END && next != dialect.separator() && !endsLine(next)) {
        keep(next);
        next = read();
      }
    }
    endCell(true);
    return next;
  }

  /** A line feed, a carriage return, or both. */
  private boolean endsLine(int next) throws IOException {
    if (next == '\r' && peek() == '\n') {
      read();
    }
    if (next == '\n' || next == '\r') {
      line++;
      return true;
    }
    return false;
  }

  private void countLine(int next) throws IOException {
    if (next == '\n' || next == '\r' && peek() != '\n') {
      line++;
    }
  }

  private void endCell(boolean quoted) {
    cells.add(cell.size() == 0 && !quoted ? null : cell.toByteArray());
    cell.reset();
  }

  private void keep(int next) {
    if (bytes <= maxBytes) {
      cell.write(next);
    }
  }

  private int read() throws IOException {
    int next = peek();
    if (next != END) {
      at++;
      bytes++;
      hash = (hash ^ next) * FNV_PRIME;
    }
    return next;
  }

  private int peek() throws IOException {
    if (at == filled) {
      at = 0;
      filled = Math.max(0, in.read(buffer));
    }
    return at < filled ? buffer[at] & 0xFF : END;
  }
}
