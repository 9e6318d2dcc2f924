package dev.questspark.job.corpus;

import static dev.questspark.job.corpus.RecordSchema.ANSWERS;
import static dev.questspark.job.corpus.RecordSchema.ID;
import static dev.questspark.job.corpus.RecordSchema.KEY;
import static dev.questspark.job.corpus.RecordSchema.MALFORMED;
import static dev.questspark.job.corpus.RecordSchema.PLACE;
import static dev.questspark.job.corpus.RecordSchema.QUESTIONS;
import static dev.questspark.job.corpus.RecordSchema.REASON;
import static dev.questspark.job.corpus.RecordSchema.REFUSED;
import static dev.questspark.job.corpus.RecordSchema.SOURCE;
import static dev.questspark.job.corpus.RecordSchema.TEXT;
import static dev.questspark.job.corpus.RecordSchema.VALID;
import static org.apache.spark.sql.functions.array;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.encode;
import static org.apache.spark.sql.functions.from_json;
import static org.apache.spark.sql.functions.length;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.monotonically_increasing_id;
import static org.apache.spark.sql.functions.size;
import static org.apache.spark.sql.functions.substring;
import static org.apache.spark.sql.functions.transform;
import static org.apache.spark.sql.functions.trim;
import static org.apache.spark.sql.functions.udf;
import static org.apache.spark.sql.functions.when;
import static org.apache.spark.sql.functions.xxhash64;

import dev.questspark.job.options.Choices.InputFormat;
import dev.questspark.job.options.CorpusOptions;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.api.java.UDF2;
import org.apache.spark.sql.expressions.UserDefinedFunction;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** Brings each input format to the columns of {@link RecordSchema}; reads no record yet. */
public final class CorpusReader {
  private static final String CORRUPT = "_malformed_record";
  private static final String LATIN1 = "ISO-8859-1";

  private static final String FILES_HAVE_NONE =
      "A folder of files has no columns; ask every document with --question, without --answer-col";
  private static final String BYTE_ORDER_MARK = "\uFEFF";

  /** long: hash of a file's content. */
  private static final String BYTES = "bytes";

  private static final UserDefinedFunction VALID_UTF8 =
      udf((UDF1<byte[], Boolean>) Utf8::valid, DataTypes.BooleanType);
  private static final Column NO_TEXT = lit(null).cast(DataTypes.StringType);

  private final SparkSession spark;
  private final CorpusOptions options;

  public CorpusReader(SparkSession spark, CorpusOptions options) {
    this.spark = spark;
    this.options = options;
  }

  /**
   * The corpus, one row per record.
   *
   * @throws dev.questspark.engine.failure.ConfigException when the input or a column is missing
   */
  public Dataset<Row> read() {
    CorpusLocation location =
        CorpusLocation.of(
            options.input(), options.format(), spark.sparkContext().hadoopConfiguration());
    Dataset<Row> records =
        switch (location.format()) {
          case TEXT -> textFiles(location);
          case JSON -> jsonLines(location.path());
          case CSV -> csv(location.path());
          case PARQUET -> parquet(location.path());
          case BINARYFILE -> parsedFiles(location);
          case AUTO -> throw new IllegalStateException("auto is resolved by CorpusLocation");
        };
    // Of a file its bytes: whether a slow one's text is read in time may change.
    Column[] content =
        location.format() == InputFormat.BINARYFILE
            ? new Column[] {col(ID), col(BYTES), col(QUESTIONS)}
            : new Column[] {col(ID), col(TEXT), col(MALFORMED), col(QUESTIONS)};
    return records
        .withColumn(PLACE, monotonically_increasing_id())
        .withColumn(KEY, xxhash64(content))
        .drop(BYTES);
  }

  private Dataset<Row> files(CorpusLocation location) {
    return spark
        .read()
        .format("binaryFile")
        .option("recursiveFileLookup", "true")
        .load(location.path())
        .select("path", "content")
        .union(emptyFiles(location));
  }

  private static Column fileId(CorpusLocation location) {
    return substring(col("path"), location.rootLength() + 1, Integer.MAX_VALUE);
  }

  /** Not deterministic to Spark, so that no file is parsed once per column. */
  private Dataset<Row> parsedFiles(CorpusLocation location) {
    FileText parser = new FileText(options.maxTextCharacters(), options.parseTimeoutSeconds());
    UserDefinedFunction parse =
        udf((UDF2<String, byte[], Row>) parser::read, FileText.SCHEMA).asNondeterministic();
    RecordColumns columns =
        new RecordColumns(options.columns(), new StructType(), "", FILES_HAVE_NONE);
    return files(location)
        .select(
            col("path"),
            xxhash64(col("content")).as(BYTES),
            parse.apply(col("path"), col("content")).as("parsed"))
        .select(
            fileId(location).as(ID),
            col("parsed.text").as(TEXT),
            lit(true).as(VALID),
            NO_TEXT.as(MALFORMED),
            col("parsed.refused").as(REFUSED),
            col("parsed.reason").as(REASON),
            columns.questions().as(QUESTIONS),
            columns.answers().as(ANSWERS),
            col("path").as(SOURCE),
            col(BYTES));
  }

  private Dataset<Row> textFiles(CorpusLocation location) {
    StructType noColumns = new StructType();
    RecordColumns columns = new RecordColumns(options.columns(), noColumns, "", FILES_HAVE_NONE);
    return files(location)
        .select(
            fileId(location).as(ID),
            col("content").cast(DataTypes.StringType).as(TEXT),
            VALID_UTF8.apply(col("content")).as(VALID),
            NO_TEXT.as(MALFORMED),
            NO_TEXT.as(REFUSED),
            NO_TEXT.as(REASON),
            columns.questions().as(QUESTIONS),
            columns.answers().as(ANSWERS),
            col("path").as(SOURCE));
  }

  /** Spark's file readers skip files of no bytes; here they are documents, and defective ones. */
  private Dataset<Row> emptyFiles(CorpusLocation location) {
    List<Row> rows =
        location.emptyFiles(spark.sparkContext().hadoopConfiguration()).stream()
            .map(path -> RowFactory.create(path, new byte[0]))
            .toList();
    StructType schema =
        new StructType().add("path", DataTypes.StringType).add("content", DataTypes.BinaryType);
    return spark.createDataFrame(rows, schema);
  }

  /**
   * Lines are read as bytes and parsed by {@code from_json}, because Spark's JSON reader replaces
   * invalid UTF-8 silently. Blank lines are no records.
   */
  private Dataset<Row> jsonLines(String path) {
    Column text =
        when(
                col("value").startsWith(BYTE_ORDER_MARK),
                substring(col("value"), 2, Integer.MAX_VALUE))
            .otherwise(col("value"));
    Dataset<Row> lines =
        spark
            .read()
            .text(path)
            .select(text.as("value"), col("_metadata.file_path").as(SOURCE))
            .where(length(trim(col("value"))).gt(0));
    StructType found =
        spark
            .read()
            .option("primitivesAsString", "true")
            .option("columnNameOfCorruptRecord", CORRUPT)
            .json(lines.select("value").as(Encoders.STRING()))
            .schema();
    if (found.isEmpty() && lines.isEmpty()) {
      return none(); // a night without documents is no mistake
    }
    StructType schema = withCorrupt(without(found, CORRUPT));
    Column record =
        from_json(col("value"), schema, Map.of("columnNameOfCorruptRecord", CORRUPT)).as("record");
    RecordColumns columns =
        new RecordColumns(
            options.columns(),
            without(found, CORRUPT),
            "record.",
            "Input "
                + path
                + " is empty, or is not JSON lines: each line must be one object with the columns as"
                + " keys");
    return lines
        .select(record, col("value"), col(SOURCE))
        .select(
            columns.id().as(ID),
            columns.text().cast(DataTypes.StringType).as(TEXT),
            VALID_UTF8.apply(col("value").cast(DataTypes.BinaryType)).as(VALID),
            col("record." + CORRUPT).as(MALFORMED),
            NO_TEXT.as(REFUSED),
            NO_TEXT.as(REASON),
            unmixed(columns.questions()).as(QUESTIONS),
            unmixed(columns.answers()).as(ANSWERS),
            col(SOURCE));
  }

  /**
   * Where some lines have a text and others an array, Spark reads a column of texts, and the arrays
   * in it as they are written.
   */
  private static Column unmixed(Column texts) {
    Column only = texts.getItem(0);
    Column list =
        from_json(
            only, DataTypes.createArrayType(DataTypes.StringType), Map.of("mode", "PERMISSIVE"));
    Column isList = size(texts).equalTo(1).and(only.startsWith("[\"")).and(list.isNotNull());
    return when(isList, list).otherwise(texts);
  }

  /**
   * Read as Latin-1, one character per byte, so that no byte is replaced, and turned back into
   * UTF-8 column by column. The delimiters are ASCII in both.
   */
  private Dataset<Row> csv(String path) {
    Map<String, String> dialect =
        Map.of("header", "true", "multiLine", "true", "escape", "\"", "encoding", LATIN1);
    Dataset<Row> all = spark.read().options(dialect).csv(path);
    StructType header = all.schema();
    if (header.isEmpty() && all.isEmpty()) {
      return none();
    }
    Dataset<Row> rows =
        spark
            .read()
            .options(dialect)
            .option("columnNameOfCorruptRecord", CORRUPT)
            .schema(withCorrupt(header))
            .csv(path);
    StructType named = new StructType();
    Column[] renamed = new Column[header.length() + 2];
    for (int i = 0; i < header.length(); i++) {
      String bytes = header.fieldNames()[i];
      String name = new String(bytes.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8);
      if (i == 0 && name.startsWith(BYTE_ORDER_MARK)) {
        name = name.substring(1); // spreadsheets put one before UTF-8
      }
      named = named.add(name, DataTypes.StringType);
      renamed[i] = rows.col("`" + bytes + "`").as(name);
    }
    renamed[header.length()] = rows.col(CORRUPT);
    renamed[header.length() + 1] = rows.col("_metadata.file_path").as(SOURCE);
    RecordColumns columns =
        new RecordColumns(
            options.columns(),
            named,
            "",
            "Input " + path + " is empty: its first line must name columns");
    return rows.select(renamed)
        .select(
            utf8(columns.id()).as(ID),
            utf8(columns.text()).as(TEXT),
            VALID_UTF8.apply(encode(columns.text(), LATIN1)).as(VALID),
            col(CORRUPT).as(MALFORMED),
            NO_TEXT.as(REFUSED),
            NO_TEXT.as(REASON),
            options.columns().asked().isEmpty()
                ? transform(columns.questions(), CorpusReader::utf8).as(QUESTIONS)
                : columns.questions().as(QUESTIONS),
            transform(columns.answers(), CorpusReader::utf8).as(ANSWERS),
            col(SOURCE));
  }

  private Dataset<Row> parquet(String path) {
    Dataset<Row> rows = spark.read().parquet(path);
    RecordColumns columns =
        new RecordColumns(
            options.columns(), rows.schema(), "", "Input " + path + " has no columns");
    return rows.select(
        columns.id().as(ID),
        columns.text().cast(DataTypes.StringType).as(TEXT),
        VALID_UTF8.apply(columns.text().cast(DataTypes.BinaryType)).as(VALID),
        NO_TEXT.as(MALFORMED),
        NO_TEXT.as(REFUSED),
        NO_TEXT.as(REASON),
        columns.questions().as(QUESTIONS),
        columns.answers().as(ANSWERS),
        col("_metadata.file_path").as(SOURCE));
  }

  /** A corpus without documents. */
  private Dataset<Row> none() {
    StructType texts = new StructType();
    for (String name : List.of(ID, TEXT)) {
      texts = texts.add(name, DataTypes.StringType);
    }
    return spark
        .createDataFrame(List.<Row>of(), texts)
        .select(
            col(ID),
            col(TEXT),
            lit(true).as(VALID),
            NO_TEXT.as(MALFORMED),
            NO_TEXT.as(REFUSED),
            NO_TEXT.as(REASON),
            array(NO_TEXT).as(QUESTIONS),
            array(NO_TEXT).as(ANSWERS),
            col(ID).as(SOURCE));
  }

  private static Column utf8(Column latin1) {
    return encode(latin1, LATIN1).cast(DataTypes.StringType);
  }

  private static StructType withCorrupt(StructType schema) {
    return schema.add(CORRUPT, DataTypes.StringType);
  }

  private static StructType without(StructType schema, String name) {
    return new StructType(
        List.of(schema.fields()).stream()
            .filter(field -> !field.name().equals(name))
            .toArray(org.apache.spark.sql.types.StructField[]::new));
  }
}
