package dev.questspark.job.input;

import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.job.input.FoundRecord.Texts;
import dev.questspark.job.options.CorpusOptions.NamedColumn;
import java.io.IOException;
import java.io.InputStream;
import java.io.Serial;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;

/** Text files in UTF-8, each one document. */
public final class WholeText implements RecordReader {
  @Serial private static final long serialVersionUID = 1L;

  private static final int MOST_BYTES_PER_CHARACTER = 4;

  private final int maxCharacters;
  private final List<NamedColumn> kept;

  /**
   * @param kept columns that go with the answers: folders of that name
   */
  WholeText(int maxCharacters, List<NamedColumn> kept) {
    this.maxCharacters = maxCharacters;
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
    long most = Math.min((long) MOST_BYTES_PER_CHARACTER * maxCharacters, Integer.MAX_VALUE - 16);
    byte[] content;
    try (InputStream in = OpenedFile.open(file, 0, hadoop)) {
      content = in.readNBytes((int) most);
      if (in.read() >= 0) {
        return refused(
            file,
            ErrorCode.TOO_MUCH_TEXT,
            "more than max_text_characters " + maxCharacters,
            ContentHash.of(content) + file.bytes());
      }
    } catch (IOException unreadable) {
      throw OpenedFile.unreadable(file, unreadable);
    }
    Optional<String> text = Utf8.decode(content).map(Utf8::withoutMark);
    if (text.isEmpty()) {
      return refused(
          file,
          ErrorCode.INVALID_UTF8,
          "--input-format binaryfile reads other encodings",
          ContentHash.of(content));
    }
    if (text.get().length() > maxCharacters) {
      return refused(
          file,
          ErrorCode.TOO_MUCH_TEXT,
          text.get().length() + " characters, max_text_characters is " + maxCharacters,
          ContentHash.of(content));
    }
    return new FoundRecord(file.path(), null, texts(file, text.get()), null, null, 0);
  }

  private FoundRecord refused(InputFile file, ErrorCode code, String found, long hash) {
    return FoundRecord.refused(file.path(), null, texts(file, null), code, found, hash);
  }

  private Texts texts(InputFile file, String text) {
    return new Texts(file.id(), text, null, null, file.folderValues(kept));
  }
}
