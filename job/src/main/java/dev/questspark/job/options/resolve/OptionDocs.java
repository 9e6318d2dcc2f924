package dev.questspark.job.options.resolve;

import dev.questspark.engine.policy.PolicyRegistry;
import dev.questspark.engine.policy.PolicyRegistry.ParameterFacts;
import dev.questspark.engine.policy.ReadPolicies;
import dev.questspark.engine.policy.cache.CacheParts;
import dev.questspark.job.options.ExitCode;
import dev.questspark.job.options.keys.OptionKey;
import dev.questspark.job.options.keys.OptionRegistry;
import dev.questspark.job.options.keys.OptionSection;
import java.util.stream.Collectors;

/** Renders {@code conf/README.md} from the declarations. */
final class OptionDocs {
  private static final String HEAD =
      """
      # Options

      Generated from the declarations in `job.options`; a test fails if this file is stale.

      Each option has one name in three spellings: the flag `--max-tokens 64`, the preset key
      `max_tokens = 64`, the Spark conf `spark.questspark.max_tokens=64`. Precedence, highest first:
      flag, Spark conf, preset, the model folder's `generation_config.json`, default.

      An unknown option is an error. So is a flag or a Spark conf that does not apply to the command:
      run, sweep, report, plan, or eval with its suite. A preset may hold such options, because it may
      serve several commands. The resolved values are printed at the start and stored in `run.json`.

      Presets are HOCON files; `base.conf` holds what they share. `prompts/` holds the prompt
      templates of the tasks.
      """;

  private static final String POLICIES =
      """

      ## Policies

      A policy says which keys the steps of a question read. Its text is its name and its
      parameters, such as `quest(budget=1024, score=meanstd)` or
      `skip_layers(layers=2, quest(budget=1024))`, in any order; those with a default may be left
      out. Tables, console and report show the text with every parameter. `--policies` takes it,
      and may be repeated; `--selectors`, `--kv-budgets` and the options beside them are shorthand
      for the same. `all` is another name of `dense`.

      | policy | what it reads | parameters |
      |---|---|---|
      """;

  private static final String CACHE_PARTS =
      """

      ## Parts of cache_policy

      `--cache-policy` takes parts in the same form, joined by `+`, at most one for each thing that
      a part decides; `none` has no part. `--prefill` takes one that decides the prefill.

      | part | decides | what it does | parameters |
      |---|---|---|---|
      """;

  private OptionDocs() {}

  static String markdown() {
    StringBuilder page = new StringBuilder(HEAD);
    for (OptionSection section : OptionRegistry.SECTIONS) {
      page.append("\n## ").append(section.title()).append("\n\n");
      page.append("| option | value | default | meaning |\n|---|---|---|---|\n");
      section.keys().forEach(key -> page.append(row(key)));
    }
    page.append(POLICIES);
    ReadPolicies.KNOWN
        .names()
        .forEach(
            name ->
                page.append("| `%s` | ".formatted(name))
                    .append(described(ReadPolicies.KNOWN, name)));
    page.append(CACHE_PARTS);
    CacheParts.KNOWN
        .names()
        .forEach(
            name ->
                page.append("| `%s` | the %s | ".formatted(name, CacheParts.slot(name)))
                    .append(described(CacheParts.KNOWN, name)));
    page.append("\n## Exit codes\n\n| code | meaning |\n|---|---|\n");
    for (ExitCode.Meaning exit : ExitCode.ALL) {
      page.append("| %d | %s |%n".formatted(exit.code(), exit.sentence()).replace("\r", ""));
    }
    return page.toString();
  }

  private static String described(PolicyRegistry<?> registry, String name) {
    return registry.description(name)
        + " | "
        + registry.parameters(name).stream()
            .map(OptionDocs::parameter)
            .collect(Collectors.joining("<br>"))
        + " |\n";
  }

  private static String parameter(ParameterFacts facts) {
    return "%s%s%s: %s"
        .formatted(
            facts.name().isEmpty() ? "" : "`" + facts.name() + "`, ",
            facts.allowed(),
            facts.defaultValue().isEmpty() ? "" : ", default `" + facts.defaultValue() + "`",
            facts.description());
  }

  private static String row(OptionKey<?> key) {
    String aliases =
        key.aliases().isEmpty()
            ? ""
            : key.aliases().stream()
                .map(alias -> "`" + alias + "`")
                .collect(Collectors.joining(", ", " Also: ", "."));
    String defaultText =
        key.defaultTexts().isEmpty() ? "" : "`" + String.join(",", key.defaultTexts()) + "`";
    String unit = key.unit().isEmpty() ? "" : " (" + key.unit() + ")";
    return "| `%s` | %s%s | %s | %s%s |%n"
        .formatted(key.name(), key.allowed(), unit, defaultText, key.description(), aliases)
        .replace("\r", "");
  }
}
