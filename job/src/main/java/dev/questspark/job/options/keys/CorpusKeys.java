package dev.questspark.job.options.keys;

import static dev.questspark.job.options.keys.OptionTypes.integer;
import static dev.questspark.job.options.keys.OptionTypes.names;
import static dev.questspark.job.options.keys.OptionTypes.text;
import static dev.questspark.job.options.keys.OptionTypes.texts;
import static dev.questspark.job.options.keys.Scope.Decides.NOTHING;
import static dev.questspark.job.options.keys.Scope.INFERENCE;
import static dev.questspark.job.options.keys.Scope.Query.JOB_ONLY;
import static dev.questspark.job.options.keys.Scope.RUN_ONLY;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.Aspect;
import dev.questspark.job.options.Choices.Task;
import dev.questspark.job.options.CorpusOptions;
import dev.questspark.job.options.CorpusOptions.NamedColumn;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What the documents and questions are; {@link CorpusOptions} has the values. */
public final class CorpusKeys {
  static final OptionSection SECTION = new OptionSection("Corpus");

  private CorpusKeys() {}

  public static final OptionKey<List<String>> INPUT =
      texts("input")
          .scope(INFERENCE, NOTHING, JOB_ONLY)
          .aspect(Aspect.INPUT)
          .description(
              SECTION,
              "Documents: a file, a folder or a pattern, of text files, JSON lines, CSV, Parquet, ORC, Avro, or HTML, PDF, DOCX and EPUB files; may be repeated. A path that exists is that path, whatever characters are in it.");
  public static final OptionKey<String> INPUT_TABLE =
      text("input_table", "a table's name")
          .scope(INFERENCE, NOTHING, JOB_ONLY)
          .aspect(Aspect.INPUT)
          .excludes(INPUT, "--input-table names the input, and so does --input; give one of them.")
          .description(SECTION, "Documents: a table of a catalog, in place of input.");
  public static final OptionKey<String> INPUT_FORMAT =
      text("input_format", "a format")
          .defaultValue("auto")
          .scope(INFERENCE, NOTHING, JOB_ONLY)
          .aspect(Aspect.TEXTS)
          .description(
              SECTION,
              "Format of the input: text (UTF-8), json (lines), csv, parquet, orc, avro, binaryfile (text in any encoding, HTML, PDF, DOCX and EPUB, one document per file), or the name of one of Spark's sources, such as delta. auto decides by the files' names, and refuses a folder that mixes formats.");
  public static final OptionKey<List<String>> INPUT_OPTION =
      texts("input_option")
          .scope(INFERENCE, NOTHING, JOB_ONLY)
          .aspect(Aspect.TEXTS)
          .description(
              SECTION,
              "Option of the reader as name=value; may be repeated. For csv: sep, quote and escape. For one of Spark's sources: whatever it knows.");
  public static final OptionKey<Integer> MAX_TEXT_CHARACTERS =
      integer("max_text_characters", 1, "at least 1")
          .unit("characters")
          .defaultValue("25000000")
          .scope(INFERENCE, NOTHING, JOB_ONLY)
          .aspect(Aspect.TEXTS)
          .description(
              SECTION,
              "A document with more text than this becomes an error row before it is tokenised. Executors need about ten bytes of heap for each character, for as many documents as they read at once.");
  public static final OptionKey<Integer> PARSE_TIMEOUT_S =
      integer("parse_timeout_s", 1, "at least 1")
          .unit("seconds")
          .defaultValue("60")
          .scope(INFERENCE, NOTHING, JOB_ONLY)
          .aspect(Aspect.TEXTS)
          .description(
              SECTION, "For binaryfile: a file that takes longer to parse becomes an error row.");
  public static final OptionKey<String> ID_COL =
      text("id_col", "a column name")
          .alias("id_column")
          .defaultValue("id")
          .scope(INFERENCE, NOTHING, JOB_ONLY)
          .aspect(Aspect.TEXTS)
          .description(
              SECTION,
              "Column of the document's id; meta.id is the field id of column meta. A folder of files uses the path relative to the input.");
  public static final OptionKey<String> TEXT_COL =
      text("text_col", "a column name")
          .alias("text_column")
          .defaultValue("text")
          .scope(INFERENCE, NOTHING, JOB_ONLY)
          .aspect(Aspect.TEXTS)
          .description(SECTION, "Column of the document's text.");
  public static final OptionKey<String> QUESTION_COL =
      text("question_col", "a column name")
          .alias("question_column")
          .defaultValue("question")
          .scope(INFERENCE, NOTHING, JOB_ONLY)
          .aspect(Aspect.QUESTIONS)
          .description(
              SECTION,
              "Column of the question, or of an array of questions; questions.q is the field q of each element of an array.");
  public static final OptionKey<String> ANSWER_COL =
      text("answer_col", "a column name")
          .alias("answer_column")
          .scope(INFERENCE, NOTHING, JOB_ONLY)
          .aspect(Aspect.QUESTIONS)
          .description(
              SECTION,
              "Column of the reference answers, with the shape of the questions. Adds accuracy to the statistics.");
  public static final OptionKey<List<String>> QUESTION =
      texts("question")
          .scope(INFERENCE, NOTHING, JOB_ONLY)
          .aspect(Aspect.QUESTIONS)
          .description(
              SECTION, "Question asked of every document; may be repeated. Replaces question_col.");

  public static final OptionKey<List<String>> KEEP_COLUMNS =
      names("keep_columns")
          .scope(RUN_ONLY, NOTHING, JOB_ONLY)
          .aspect(Aspect.TEXTS)
          .description(
              SECTION,
              "Columns of the input that every answer row carries in kept_columns, a map from name to text.");

  /** Types the options. */
  public static CorpusOptions bind(JobOptions options) {
    boolean summarizes = options.get(PromptKeys.TASK) == Task.SUMMARIZE;
    return new CorpusOptions(
        new CorpusOptions.Input(
            options.get(INPUT),
            options.get(INPUT_TABLE),
            options.get(INPUT_FORMAT).toLowerCase(Locale.ROOT),
            readerOptions(options)),
        options.get(MAX_TEXT_CHARACTERS),
        options.get(PARSE_TIMEOUT_S),
        new CorpusOptions.Columns(
            column(options, ID_COL),
            column(options, TEXT_COL),
            column(options, QUESTION_COL),
            options.get(ANSWER_COL) == null ? null : column(options, ANSWER_COL),
            options.get(QUESTION),
            !summarizes || options.given(QUESTION_COL),
            options.get(KEEP_COLUMNS).stream()
                .map(name -> new NamedColumn(name, KEEP_COLUMNS.flag()))
                .toList()));
  }

  private static Map<String, String> readerOptions(JobOptions options) {
    Map<String, String> named = new LinkedHashMap<>();
    for (String option : options.get(INPUT_OPTION)) {
      int equals = option.indexOf('=');
      if (equals < 1) {
        throw new ConfigException(
            "input_option is '" + option + "'; it must be name=value, such as sep=;.");
      }
      named.put(option.substring(0, equals), option.substring(equals + 1));
    }
    return named;
  }

  private static NamedColumn column(JobOptions options, OptionKey<String> key) {
    return new NamedColumn(options.get(key), key.flag());
  }
}
