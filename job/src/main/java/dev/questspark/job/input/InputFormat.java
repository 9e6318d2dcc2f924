package dev.questspark.job.input;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** The formats that this job knows itself; any other name is one of Spark's sources. */
public enum InputFormat {
  TEXT("text files", ""),
  JSON("JSON lines", "jsonl|json|ndjson"),
  CSV("CSV", "csv|tsv"),
  PARQUET("Parquet", "parquet|pq"),
  ORC("ORC", "orc"),
  AVRO("Avro", "avro"),
  BINARYFILE("files of many kinds", "html?|xhtml|pdf|docx|epub");

  /** Decides by the files' names. */
  public static final String AUTO = "auto";

  private static final Pattern COMPRESSED = Pattern.compile("\\.(gz|bz2|zst|lz4|snappy|deflate)$");

  private final String words;
  private final Pattern ending;

  InputFormat(String words, String endings) {
    this.words = words;
    this.ending = Pattern.compile("(?s).*\\.(" + endings + ")");
  }

  /** Whether a file of this format holds many records with columns. */
  boolean hasColumns() {
    return this != TEXT && this != BINARYFILE;
  }

  /** As a message names it. */
  String words() {
    return words;
  }

  /** As {@code input_format} names it. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The format of that name, if it is one of these. */
  public static Optional<InputFormat> named(String word) {
    return Arrays.stream(values()).filter(format -> format.word().equals(word)).findFirst();
  }

  /** The words of all, for messages. */
  public static String allWords() {
    return Arrays.stream(values()).map(InputFormat::word).collect(Collectors.joining(", "));
  }

  /** What a file's name says; TEXT where it says nothing. */
  static InputFormat ofName(String name) {
    String plain = uncompressed(name.toLowerCase(Locale.ROOT));
    return Arrays.stream(values())
        .filter(format -> format != TEXT && format.ending.matcher(plain).matches())
        .findFirst()
        .orElse(TEXT);
  }

  /** A name without the ending of its compression. */
  static String uncompressed(String name) {
    return COMPRESSED.matcher(name).replaceFirst("");
  }
}
