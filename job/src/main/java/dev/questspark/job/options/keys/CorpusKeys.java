package dev.questspark.job.options.keys;

import static dev.questspark.job.options.keys.OptionTypes.choice;
import static dev.questspark.job.options.keys.OptionTypes.integer;
import static dev.questspark.job.options.keys.OptionTypes.text;
import static dev.questspark.job.options.keys.OptionTypes.texts;
import static dev.questspark.job.options.keys.Scope.Decides.NOTHING;
import static dev.questspark.job.options.keys.Scope.INFERENCE;
import static dev.questspark.job.options.keys.Scope.Query.JOB_ONLY;

import dev.questspark.job.options.Aspect;
import dev.questspark.job.options.Choices.InputFormat;
import dev.questspark.job.options.Choices.Task;
import dev.questspark.job.options.CorpusOptions;
import dev.questspark.job.options.CorpusOptions.NamedColumn;
import java.util.List;

/** What the documents and questions are; {@link CorpusOptions} has the values. */
public final class CorpusKeys {
  static final OptionSection SECTION = new OptionSection("Corpus");

  private CorpusKeys() {}

  public static final OptionKey<String> INPUT =
      text("input", "a path that Spark can read")
          .scope(INFERENCE, NOTHING, JOB_ONLY)
          .aspect(Aspect.INPUT)
          .requiredBy(INFERENCE)
          .description(
              SECTION,
              "Documents: a folder of text files, JSON lines, Parquet, CSV, or a folder of HTML, PDF, DOCX and EPUB files.");
  public static final OptionKey<InputFormat> INPUT_FORMAT =
      choice("input_format", InputFormat.class)
          .defaultValue("auto")
          .scope(INFERENCE, NOTHING, JOB_ONLY)
          .aspect(Aspect.TEXTS)
          .description(
              SECTION,
              "Format of the input. auto decides by the file name; a plain folder is text (UTF-8). binaryfile reads text in any encoding, HTML, PDF, DOCX and EPUB, one document per file.");
  public static final OptionKey<Integer> MAX_TEXT_CHARACTERS =
      integer("max_text_characters", 1, "at least 1")
          .unit("characters")
          .defaultValue("10000000")
          .scope(INFERENCE, NOTHING, JOB_ONLY)
          .aspect(Aspect.TEXTS)
          .description(
              SECTION, "For binaryfile: a file with more text than this becomes an error row.");
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
              "Column of the document's id. A folder of files uses the path relative to the input.");
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
          .description(SECTION, "Column of the question, or of an array of questions.");
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

  /** Types the options. */
  public static CorpusOptions bind(JobOptions options) {
    boolean summarizes = options.get(PromptKeys.TASK) == Task.SUMMARIZE;
    return new CorpusOptions(
        options.get(INPUT),
        options.get(INPUT_FORMAT),
        options.get(MAX_TEXT_CHARACTERS),
        options.get(PARSE_TIMEOUT_S),
        new CorpusOptions.Columns(
            column(options, ID_COL),
            column(options, TEXT_COL),
            column(options, QUESTION_COL),
            options.get(ANSWER_COL) == null ? null : column(options, ANSWER_COL),
            options.get(QUESTION),
            !summarizes || options.given(QUESTION_COL)));
  }

  private static NamedColumn column(JobOptions options, OptionKey<String> key) {
    return new NamedColumn(options.get(key), key.flag());
  }
}
