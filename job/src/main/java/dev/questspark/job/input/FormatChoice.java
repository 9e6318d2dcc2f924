package dev.questspark.job.input;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.path.GivenPath;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.hadoop.fs.Path;

/**
 * Which of the files are read, and as what.
 *
 * @param format empty for one of Spark's sources
 * @param source name of that source; null with a format
 * @param files that are read
 * @param leftOut one phrase for each reason why others are not
 */
record FormatChoice(
    Optional<InputFormat> format, String source, List<InputFile> files, List<String> leftOut) {
  private static final int SHOWN = 5;

  /**
   * Chooses.
   *
   * @param wanted {@code input_format}
   * @throws ConfigException when the files' names do not tell, or tell otherwise
   */
  static FormatChoice of(Inputs inputs, String wanted) {
    boolean auto = wanted.equals(InputFormat.AUTO);
    Optional<InputFormat> named = InputFormat.named(wanted);
    if (inputs.tableFormat() != null) {
      if (named.isPresent()) {
        throw new ConfigException(
            "Input "
                + shown(inputs)
                + " is a table of "
                + inputs.tableFormat()
                + ", whose files are not its rows; read it with --input-format "
                + inputs.tableFormat()
                + ", or as a table of a catalog with --input-table.");
      }
      return ofSource(auto ? inputs.tableFormat() : wanted);
    }
    if (!auto && named.isEmpty()) {
      return ofSource(wanted);
    }
    InputFormat format = auto ? guess(inputs) : named.get();
    List<String> leftOut = new ArrayList<>();
    List<InputFile> files = format.hasColumns() ? ofFormat(inputs, format) : inputs.files();
    if (files.size() < inputs.files().size()) {
      List<InputFile> others = new ArrayList<>(inputs.files());
      others.removeAll(files);
      leftOut.add(ids(others) + " (no name of " + format.words() + ")");
    }
    if (!inputs.hidden().isEmpty()) {
      leftOut.add(list(inputs.hidden()) + " (names that begin with _ or . are not read)");
    }
    return new FormatChoice(Optional.of(format), null, files, leftOut);
  }

  private static FormatChoice ofSource(String name) {
    return new FormatChoice(Optional.empty(), name, List.of(), List.of());
  }

  /** Where no file has an ending of the format, all of them are of it. */
  private static List<InputFile> ofFormat(Inputs inputs, InputFormat format) {
    List<InputFile> named =
        inputs.files().stream().filter(file -> InputFormat.ofName(name(file)) == format).toList();
    return named.isEmpty() ? inputs.files() : named;
  }

  /** The ending of the one path, else of all files. */
  private static InputFormat guess(Inputs inputs) {
    if (inputs.roots().size() == 1) {
      InputFormat root = InputFormat.ofName(inputs.roots().get(0).getName());
      if (root != InputFormat.TEXT) {
        return root;
      }
    }
    Map<InputFormat, List<InputFile>> byFormat = new EnumMap<>(InputFormat.class);
    for (InputFile file : inputs.files()) {
      byFormat.computeIfAbsent(InputFormat.ofName(name(file)), none -> new ArrayList<>()).add(file);
    }
    List<InputFormat> withColumns =
        byFormat.keySet().stream().filter(InputFormat::hasColumns).toList();
    if (withColumns.isEmpty()) {
      return byFormat.containsKey(InputFormat.BINARYFILE)
          ? InputFormat.BINARYFILE
          : InputFormat.TEXT;
    }
    if (byFormat.size() > 1) {
      throw mixed(inputs, byFormat, withColumns.get(0));
    }
    return withColumns.get(0);
  }

  private static ConfigException mixed(
      Inputs inputs, Map<InputFormat, List<InputFile>> byFormat, InputFormat first) {
    List<String> kinds = new ArrayList<>();
    byFormat.forEach(
        (format, files) ->
            kinds.add(
                files.size() + " of " + format.words() + " (such as " + files.get(0).id() + ")"));
    return new ConfigException(
        "Input "
            + shown(inputs)
            + " mixes formats: "
            + String.join(", ", kinds)
            + "; say which files to read with --input-format "
            + first.word()
            + ", name them with a pattern such as --input '"
            + inputs.given().get(0)
            + "/*."
            + ending(byFormat.get(first).get(0))
            + "', or take every file for a document with --input-format binaryfile.");
  }

  private static String ending(InputFile file) {
    String name = name(file);
    return name.substring(name.indexOf('.') + 1);
  }

  private static String name(InputFile file) {
    return new Path(file.path()).getName();
  }

  private static String shown(Inputs inputs) {
    return String.join(", ", inputs.roots().stream().map(GivenPath::shown).toList());
  }

  static String ids(List<InputFile> files) {
    return list(files.stream().map(InputFile::id).toList());
  }

  private static String list(List<String> names) {
    return names.size() <= SHOWN
        ? String.join(", ", names)
        : String.join(", ", names.subList(0, SHOWN)) + " and " + (names.size() - SHOWN) + " more";
  }
}
