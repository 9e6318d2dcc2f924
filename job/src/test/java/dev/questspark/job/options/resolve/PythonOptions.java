package dev.questspark.job.options.resolve;

import dev.questspark.job.options.keys.OptionKey;
import dev.questspark.job.options.keys.OptionRegistry;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Renders the Python package's types of options, and the parameters of its stage. */
final class PythonOptions {
  private static final int WIDTH = 110;
  private static final Pattern WORDS = Pattern.compile("one of ((?:[a-z_]+)(?:, [a-z_]+)*)");

  /** What the functions of the package take as arguments of their own. */
  private static final Set<String> ARGUMENTS =
      Set.of("command", "input", "output", "preset", "resume", "suite");

  private PythonOptions() {}

  static String module() {
    StringBuilder page =
        new StringBuilder(
            """
            \"""Options by name, from the declarations in the jar; do not edit, see CONTRIBUTING.md.\"""

            from __future__ import annotations

            from collections.abc import Sequence
            from typing import Literal, TypedDict


            class QueryOptions(TypedDict, total=False):
                \"""Options of the SQL functions, the stage and the session.\"""

            """);
    List<OptionKey<?>> query =
        QueryOptions.all().stream().filter(key -> !ARGUMENTS.contains(key.name())).toList();
    query.forEach(key -> field(page, key));
    page.append(
        """


        class JobOptions(QueryOptions, total=False):
            \"""Options of a job: those of a query, and what is read and written.\"""

        """);
    List<OptionKey<?>> job =
        OptionRegistry.all().stream()
            .<OptionKey<?>>filter(key -> !key.inQuery() && !ARGUMENTS.contains(key.name()))
            .toList();
    job.forEach(key -> field(page, key));
    page.append(
        "\n\n#: Parameters of the stage that are options, and whether each takes a list.\n");
    page.append("STAGE_PARAMETERS: tuple[tuple[str, bool], ...] = (\n");
    for (OptionKey<?> key : query) {
      page.append("    (\"%s\", %s),\n".formatted(key.name(), key.repeated() ? "True" : "False"));
    }
    page.append(")\n\n#: Other names of options.\nALIASES: dict[str, str] = {\n");
    Stream.of(query, job).flatMap(List::stream).forEach(key -> aliases(page, key));
    return page.append("}\n").toString();
  }

  private static void aliases(StringBuilder page, OptionKey<?> key) {
    for (String alias : key.aliases()) {
      page.append("    \"%s\": \"%s\",\n".formatted(alias, key.name()));
    }
  }

  private static void field(StringBuilder page, OptionKey<?> key) {
    List<String> names = new ArrayList<>(List.of(key.name()));
    names.addAll(key.aliases());
    for (String name : names) {
      page.append("    ").append(name).append(": ").append(type(key)).append(" | None\n");
    }
    wrapped(page, key.description());
  }

  private static void wrapped(StringBuilder page, String sentence) {
    StringBuilder line = new StringBuilder("    \"\"\"");
    for (String word : sentence.replace("\\", "\\\\").split(" ")) {
      if (line.length() + word.length() > WIDTH) {
        page.append(line.toString().stripTrailing()).append('\n');
        line.setLength(0);
        line.append("    ");
      }
      line.append(word).append(' ');
    }
    page.append(line.toString().stripTrailing()).append("\"\"\"\n");
  }

  private static String type(OptionKey<?> key) {
    String type = key.type();
    Matcher words = WORDS.matcher(key.allowed());
    if (type.startsWith("true/false")) {
      String others =
          Arrays.stream(type.split("/"))
              .skip(2)
              .map(word -> '"' + word + '"')
              .collect(Collectors.joining(", "));
      return others.isEmpty() ? "bool" : "bool | Literal[" + others + "]";
    }
    if (type.equals("choice") && words.matches()) {
      return Arrays.stream(words.group(1).split(", "))
          .map(word -> '"' + word + '"')
          .collect(Collectors.joining(", ", "Literal[", "]"));
    }
    return switch (type) {
      case "integer" -> "int";
      case "number" -> "float";
      case "bytes" -> "int | str";
      case "text", "choice", "time", "deadline", "prefill", "policy" -> "str";
      default -> "str | int | Sequence[str | int]";
    };
  }
}
