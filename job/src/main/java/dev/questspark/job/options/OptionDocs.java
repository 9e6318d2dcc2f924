package dev.questspark.job.options;

import java.util.stream.Collectors;

/** Renders {@code conf/README.md} from the declarations. */
final class OptionDocs {
  private static final String HEAD =
      """
      # Options

      Generated from `JobKeys`; a test fails when this file is stale.

      Each option has one name in three spellings: the flag `--max-tokens 64`, the preset key
      `max_tokens = 64`, the Spark conf `spark.questspark.max_tokens=64`. The first that speaks wins:
      flag, Spark conf, preset, the model folder's `generation_config.json`, default. An unknown
      option is an error, and so is a flag or Spark conf that the command (run, sweep, eval with its
      suite, report) cannot heed; a preset may serve several commands. The resolved values are printed at the start
      and stored in `run.json`.

      Presets are HOCON files; `base.conf` holds what they share. `prompts/` holds the prompt
      templates of the tasks.
      """;

  private OptionDocs() {}

  static String markdown() {
    StringBuilder page = new StringBuilder(HEAD);
    for (OptionSection section : JobKeys.SECTIONS) {
      page.append("\n## ").append(section.title()).append("\n\n");
      page.append("| option | value | default | meaning |\n|---|---|---|---|\n");
      section.keys().forEach(key -> page.append(row(key)));
    }
    return page.toString();
  }

  private static String row(OptionKey<?> key) {
    String aliases =
        key.aliases().isEmpty()
            ? ""
            : key.aliases().stream()
                .map(alias -> "`" + alias + "`")
                .collect(Collectors.joining(", ", " Also: ", "."));
    String byDefault =
        key.defaultTexts().isEmpty() ? "" : "`" + String.join(",", key.defaultTexts()) + "`";
    String unit = key.unit().isEmpty() ? "" : " (" + key.unit() + ")";
    return "| `%s` | %s%s | %s | %s%s |%n"
        .formatted(key.name(), key.allowed(), unit, byDefault, key.sentence(), aliases)
        .replace("\r", "");
  }
}
