package dev.questspark.job.corpus;

import dev.questspark.job.input.FoundRecord;
import dev.questspark.job.options.CorpusOptions.Columns;
import dev.questspark.job.options.CorpusOptions.NamedColumn;
import java.io.Serial;
import java.util.List;
import org.apache.spark.api.java.function.Function;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;

/** A record that was found as a row of {@link RecordSchema#FOUND}, with what is asked of it. */
final class RecordRow implements Function<FoundRecord, Row> {
  @Serial private static final long serialVersionUID = 1L;

  private final String[] asked;
  private final String[] kept;

  RecordRow(Columns columns) {
    this.asked =
        columns.readsQuestion()
            ? null
            : columns.asked().isEmpty()
                ? new String[] {null}
                : columns.asked().toArray(String[]::new);
    this.kept = columns.kept().stream().map(NamedColumn::name).toArray(String[]::new);
  }

  /** Names and values by turns; null values where a record has none. */
  private String[] kept(List<String> values) {
    String[] pairs = new String[2 * kept.length];
    for (int i = 0; i < kept.length; i++) {
      pairs[2 * i] = kept[i];
      pairs[2 * i + 1] = i < values.size() ? values.get(i) : null;
    }
    return pairs;
  }

  @Override
  public Row call(FoundRecord found) {
    FoundRecord.Texts texts = found.texts();
    return RowFactory.create(
        texts.id(),
        found.refused() == null ? texts.text() : null,
        found.refused() == null ? null : found.refused().name(),
        found.reason(),
        asked == null ? array(texts.questions()) : asked,
        array(texts.answers()),
        kept(texts.kept()),
        found.source(),
        found.where(),
        found.content());
  }

  private static String[] array(List<String> texts) {
    return texts == null ? null : texts.toArray(String[]::new);
  }
}
