package dev.questspark.job.input;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.CorpusOptions;
import dev.questspark.job.options.CorpusOptions.NamedColumn;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.util.SerializableConfiguration;

/** The files of an input, and how their records are read. */
public final class FileInput {
  /** As Spark's own: no part is larger, and no smaller than opening a file costs. */
  private static final long MOST_BYTES = 128L << 20;

  private static final long LEAST_BYTES = 4L << 20;

  /** Records of the first files that a look takes, before it takes all. */
  private static final int LOOK = 100;

  private final JavaSparkContext spark;
  private final CorpusOptions options;
  private final Inputs inputs;
  private final FormatChoice choice;
  private final SerializableConfiguration hadoop;

  private FileInput(JavaSparkContext spark, CorpusOptions options, Inputs inputs) {
    this.spark = spark;
    this.options = options;
    this.inputs = inputs;
    this.choice = FormatChoice.of(inputs, options.input().format());
    this.hadoop = new SerializableConfiguration(spark.hadoopConfiguration());
  }

  /**
   * Lists the files.
   *
   * @throws ConfigException when a path leads to nothing, or the format cannot be told
   */
  public static FileInput of(JavaSparkContext spark, CorpusOptions options) {
    return new FileInput(
        spark, options, Inputs.of(options.input().paths(), spark.hadoopConfiguration()));
  }

  /**
   * Refuses an output that the input would read.
   *
   * @throws ConfigException when it is inside the input
   */
  public static void refuseInside(CorpusOptions options, Path output, Configuration hadoop) {
    Inputs.refuseInside(options.input().paths(), output, hadoop);
  }

  /** Empty for one of Spark's sources. */
  public Optional<InputFormat> format() {
    return choice.format();
  }

  /** One of Spark's sources, where there is no format. */
  public String source() {
    return choice.source();
  }

  /** What the paths name, in full. */
  public List<String> roots() {
    return inputs.roots().stream().map(Path::toString).toList();
  }

  /** The files that are read. */
  public List<InputFile> files() {
    return choice.files();
  }

  /** What is not read, and why; one phrase each. */
  public List<String> leftOut() {
    List<String> leftOut = new ArrayList<>(choice.leftOut());
    boolean records =
        choice.format().filter(f -> f == InputFormat.JSON || f == InputFormat.CSV).isPresent();
    List<InputFile> empty = choice.files().stream().filter(file -> file.bytes() == 0).toList();
    if (records && !empty.isEmpty()) {
      leftOut.add(FormatChoice.ids(empty) + " (no bytes)");
    }
    return leftOut;
  }

  /** Columns that folders {@code name=value} stand for. */
  public List<String> folderColumns() {
    TreeSet<String> names = new TreeSet<>();
    choice.files().forEach(file -> names.addAll(file.folders().keySet()));
    return List.copyOf(names);
  }

  /** Makes records of columns. */
  public RecordMaker maker() {
    return new RecordMaker(options.columns(), options.maxTextCharacters());
  }

  /** The records of text files. */
  public JavaRDD<FoundRecord> texts() {
    return records(new WholeText(options.maxTextCharacters(), options.columns().kept()));
  }

  /**
   * The records of JSON lines.
   *
   * @throws ConfigException when a column is missing, or holds nothing of its kind
   */
  public JavaRDD<FoundRecord> jsonLines() {
    if (!options.input().options().isEmpty()) {
      throw new ConfigException(
          "--input-option "
              + options.input().options().keySet().iterator().next()
              + " is not known for json, which takes none; leave it out.");
    }
    RecordMaker maker = maker();
    JsonLines reader = new JsonLines(maker);
    List<NamedColumn> columns = maker.columns();
    FoundColumns found = new FoundColumns(columns);
    try {
      for (InputFile file : choice.files()) {
        if (file.bytes() > 0) {
          reader.look(file.whole(), hadoop.value(), LOOK, found);
          break;
        }
      }
    } catch (IOException unreadable) {
      throw new ConfigException(
          "Input " + options.input().shown() + " cannot be read: " + reason(unreadable),
          unreadable);
    }
    if (!found.complete()) {
      SerializableConfiguration conf = hadoop;
      partitions(reader)
          .flatMap(
              encoded -> {
                FoundColumns here = new FoundColumns(columns);
                for (InputFile.Part part : decoded(encoded)) {
                  reader.look(part, conf.value(), Integer.MAX_VALUE, here);
                }
                return here.facts().iterator();
              })
          .distinct()
          .collect()
          .forEach(fact -> found.add(List.of(fact)));
      found.refuse(
          "Input "
              + options.input().shown()
              + " is empty, or is not JSON lines: each line must be one object with the columns as"
              + " keys");
    }
    return records(reader);
  }

  private static String reason(IOException failure) {
    Throwable cause = failure.getCause() == null ? failure : failure.getCause();
    return failure.getMessage() + " (" + cause.getMessage() + ")";
  }

  /**
   * The records of CSV files.
   *
   * @throws ConfigException when a file lacks a column
   */
  public JavaRDD<FoundRecord> csv() {
    RecordMaker maker = maker();
    List<InputFile> files = choice.files();
    boolean tabs =
        !files.isEmpty()
            && files.stream()
                .allMatch(file -> InputFormat.uncompressed(file.path()).endsWith(".tsv"));
    CsvDialect dialect = CsvDialect.of(options.input().options(), tabs);
    CsvFile reader = new CsvFile(maker, dialect);
    SerializableConfiguration conf = hadoop;
    partitions(reader)
        .flatMap(
            encoded -> {
              List<String> wrong = new ArrayList<>();
              for (InputFile.Part part : decoded(encoded)) {
                reader.wrong(part.file(), conf.value()).ifPresent(wrong::add);
              }
              return wrong.iterator();
            })
        .collect()
        .stream()
        .findFirst()
        .ifPresent(
            sentence -> {
              throw new ConfigException(sentence);
            });
    return records(reader);
  }

  /** The records that a reader finds in the files. */
  public JavaRDD<FoundRecord> records(RecordReader reader) {
    SerializableConfiguration conf = hadoop;
    return partitions(reader)
        .flatMap(
            encoded -> {
              Iterator<InputFile.Part> parts = decoded(encoded).iterator();
              return new Chained(parts, reader, conf.value());
            });
  }

  /** One element per partition: its parts of files, in the files' order. */
  private JavaRDD<byte[]> partitions(RecordReader reader) {
    long total = choice.files().stream().mapToLong(file -> file.bytes() + LEAST_BYTES).sum();
    long most =
        Math.min(
            MOST_BYTES, Math.max(LEAST_BYTES, total / Math.max(1, spark.defaultParallelism())));
    List<byte[]> partitions = new ArrayList<>();
    ArrayList<InputFile.Part> parts = new ArrayList<>();
    long bytes = 0;
    for (InputFile.Part part : parts(reader, most)) {
      long size = part.to() - part.from() + LEAST_BYTES;
      if (bytes > 0 && bytes + size > most + LEAST_BYTES) {
        partitions.add(encoded(parts));
        parts = new ArrayList<>();
        bytes = 0;
      }
      parts.add(part);
      bytes += size;
    }
    partitions.add(encoded(parts));
    return spark.parallelize(partitions, partitions.size());
  }

  private List<InputFile.Part> parts(RecordReader reader, long most) {
    List<InputFile.Part> parts = new ArrayList<>();
    for (InputFile file : choice.files()) {
      boolean split = reader.splittable() && !OpenedFile.packed(file, hadoop.value());
      long from = 0;
      while (split && file.bytes() - from > most + LEAST_BYTES) {
        parts.add(new InputFile.Part(file, from, from + most));
        from += most;
      }
      parts.add(new InputFile.Part(file, from, file.bytes()));
    }
    return parts;
  }

  /** As bytes, which every serializer of Spark knows. */
  private static byte[] encoded(ArrayList<InputFile.Part> parts) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(parts);
    } catch (IOException neverInMemory) {
      throw new IllegalStateException(neverInMemory);
    }
    return bytes.toByteArray();
  }

  private static List<InputFile.Part> decoded(byte[] bytes) {
    List<InputFile.Part> parts = new ArrayList<>();
    try (ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(bytes))) {
      for (Object part : (List<?>) in.readObject()) {
        parts.add((InputFile.Part) part);
      }
      return parts;
    } catch (IOException | ClassNotFoundException neverInMemory) {
      throw new IllegalStateException(neverInMemory);
    }
  }

  /** The records of one part after the other. */
  private static final class Chained implements Iterator<FoundRecord> {
    private final Iterator<InputFile.Part> parts;
    private final RecordReader reader;
    private final Configuration hadoop;
    private Iterator<FoundRecord> records = List.<FoundRecord>of().iterator();

    Chained(Iterator<InputFile.Part> parts, RecordReader reader, Configuration hadoop) {
      this.parts = parts;
      this.reader = reader;
      this.hadoop = hadoop;
    }

    @Override
    public boolean hasNext() {
      try {
        while (!records.hasNext() && parts.hasNext()) {
          records = reader.records(parts.next(), hadoop);
        }
        return records.hasNext();
      } catch (IOException unreadable) {
        throw new UncheckedIOException(unreadable);
      }
    }

    @Override
    public FoundRecord next() {
      hasNext();
      return records.next();
    }
  }
}
