package dev.questspark.engine.policy.cache.heads;

import dev.questspark.engine.checkpoint.files.JsonFields;
import dev.questspark.engine.failure.ConfigException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * How much each KV head needs all of its tokens, as DuoAttention (arXiv 2410.10819) publishes it: a
 * folder with {@code full_attention_heads.tsv}, a row of numbers for each layer, and {@code
 * config.json}, of which {@code sink_size} and {@code recent_size} are read.
 *
 * @param source the folder
 * @param scores of each (layer, KV head), the same number in every layer
 * @param sink first tokens that a streaming head keeps
 * @param recent last tokens that it keeps
 */
public record HeadPattern(Path source, float[][] scores, int sink, int recent) {
  private static final String SCORES = "full_attention_heads.tsv";

  /** Patterns are read once per process, and again once they have changed. */
  private static final Map<Path, Read> READ = new ConcurrentHashMap<>();

  private record Read(FileTime time, HeadPattern pattern) {}

  /**
   * Reads a folder.
   *
   * @throws ConfigException when it is not there, or not of this form
   */
  public static HeadPattern read(Path folder) {
    Path file = folder.resolve(SCORES);
    try {
      FileTime time = Files.getLastModifiedTime(file);
      Read known = READ.get(folder);
      if (known == null || !known.time.equals(time)) {
        known = new Read(time, parse(folder, Files.readAllLines(file)));
        READ.put(folder, known);
      }
      return known.pattern;
    } catch (IOException unreadable) {
      throw new ConfigException(
          file
              + " cannot be read ("
              + unreadable
              + "); it has a row of numbers for each layer, one for each KV head");
    }
  }

  private static HeadPattern parse(Path folder, List<String> lines) {
    float[][] scores =
        lines.stream()
            .filter(line -> !line.isBlank())
            .map(line -> row(folder, line))
            .toArray(float[][]::new);
    if (scores.length == 0 || Arrays.stream(scores).anyMatch(r -> r.length != scores[0].length)) {
      throw bad(folder, "has rows of different lengths, or none");
    }
    JsonFields config = JsonFields.read(folder.resolve("config.json"));
    return new HeadPattern(
        folder, scores, config.requireCount("sink_size"), config.requireCount("recent_size"));
  }

  /**
   * Writes both files to the folder that the pattern names.
   *
   * @throws ConfigException when they cannot be written
   */
  public void write() {
    List<String> lines =
        Arrays.stream(scores)
            .map(
                row ->
                    IntStream.range(0, row.length)
                        .mapToObj(head -> Float.toString(row[head]))
                        .collect(Collectors.joining("\t")))
            .toList();
    try {
      Files.createDirectories(source);
      Files.write(source.resolve(SCORES), lines);
      Files.writeString(
          source.resolve("config.json"),
          "{\"sink_size\": " + sink + ", \"recent_size\": " + recent + "}\n");
    } catch (IOException refused) {
      throw new ConfigException(source + " cannot be written (" + refused + ")");
    }
  }

  private static float[] row(Path folder, String line) {
    String[] words = line.strip().split("\\s+");
    float[] row = new float[words.length];
    for (int i = 0; i < row.length; i++) {
      try {
        row[i] = Float.parseFloat(words[i]);
      } catch (NumberFormatException noNumber) {
        throw bad(folder, "has '" + words[i] + "', which is no number");
      }
      if (!Float.isFinite(row[i])) {
        throw bad(folder, "has " + words[i] + ", which is not finite");
      }
    }
    return row;
  }

  private static ConfigException bad(Path folder, String what) {
    return new ConfigException(
        folder.resolve(SCORES)
            + " "
            + what
            + "; it has a row of numbers for each layer, one for each KV head");
  }

  /**
   * Requires the pattern of a model.
   *
   * @throws ConfigException when it is of another shape
   */
  public HeadPattern of(int layers, int kvHeads) {
    if (scores.length != layers || scores[0].length != kvHeads) {
      throw new ConfigException(
          source.resolve(SCORES)
              + " is of "
              + scores.length
              + " layers x "
              + scores[0].length
              + " KV heads, but the model has "
              + layers
              + " x "
              + kvHeads
              + "; give the pattern of this model");
    }
    return this;
  }

  private int kvHeads() {
    return scores[0].length;
  }

  /** Heads by score, the lowest first; of equal ones the earlier. */
  private int[] ranked() {
    return IntStream.range(0, scores.length * kvHeads())
        .boxed()
        .sorted((a, b) -> Float.compare(score(a), score(b)))
        .mapToInt(Integer::intValue)
        .toArray();
  }

  private float score(int head) {
    return scores[head / kvHeads()][head % kvHeads()];
  }

  /** How many heads a share comes to. */
  private int count(double share) {
    return (int) Math.round(share * scores.length * kvHeads());
  }

  /**
   * The heads that stream when a share of all do: those with the lowest scores.
   *
   * @return by layer * kvHeads + kvHead
   */
  public boolean[] streaming(double share) {
    int[] ranked = ranked();
    boolean[] streaming = new boolean[ranked.length];
    Arrays.stream(ranked).limit(count(share)).forEach(head -> streaming[head] = true);
    return streaming;
  }

  /** The score from which on heads keep everything; infinite if none does. */
  public double threshold(double share) {
    int[] ranked = ranked();
    return count(share) == ranked.length ? Double.POSITIVE_INFINITY : score(ranked[count(share)]);
  }
}
