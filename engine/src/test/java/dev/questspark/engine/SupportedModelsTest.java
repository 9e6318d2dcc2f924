package dev.questspark.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.checkpoint.files.JsonFields;
import dev.questspark.engine.model.family.ModelFamilies;
import dev.questspark.engine.model.family.ModelFamily;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * The page of supported models is written from the families' rows, and every row has a checkpoint.
 */
class SupportedModelsTest {
  private static final Path RESOURCES = Path.of("src", "test", "resources");

  /** Renew the page with {@code -Dquestspark.renew.docs=true}. */
  @Test
  void pageIsNotStale() throws IOException {
    Path page = RepositoryFiles.find().root().resolve("docs/models.md");
    if (Boolean.getBoolean("questspark.renew.docs")) {
      Files.writeString(page, markdown());
    }
    assertThat(Files.readString(page)).isEqualTo(markdown());
  }

  private static String markdown() {
    StringBuilder page = new StringBuilder();
    page.append("# Supported models\n\n");
    page.append("<!-- Written by SupportedModelsTest from ModelFamilies; do not edit. -->\n\n");
    page.append(
        "A model is supported if its `config.json` names one of these architectures. Of each, a small checkpoint made by\n"
            + "Hugging Face transformers is in the tests: logits within 2e-3 in float32, equal greedy tokens, on CPU and CUDA, dense and\n"
            + "with pages selected. The models are examples; others of the same architecture load too.\n\n");
    page.append("| architecture | models | remarks |\n|---|---|---|\n");
    for (ModelFamily family : ModelFamilies.all()) {
      page.append("| ").append(family.architecture()).append(" | ").append(family.models());
      page.append(" | ").append(family.textPart().isPresent() ? "text part alone" : "");
      page.append(" |\n");
    }
    page.append(
        "\nThese are refused, in one sentence, before anything is loaded; so is every other architecture.\n\n");
    page.append("| architecture | what is not computed |\n|---|---|\n");
    ModelFamilies.refused()
        .forEach((name, needs) -> page.append("| " + name + " | " + needs + " |\n"));
    page.append(
        "\nRoPE scaling is that of `config.json`, or of `rope_scaling` and `hf_overrides` (see [conf/README.md](../conf/README.md)). Dynamic\n"
            + "NTK and LongRoPE change with the length of the text; here `max_model_len` counts as that length, as in vLLM, so that keys\n"
            + "in the cache stay what they are. transformers takes the length of the text at hand: a shorter one is answered a little\n"
            + "differently there, unless `max_model_len` is set to what is needed.\n");
    return page.toString();
  }

  @Test
  void everyFamilyHasACheckpoint() throws IOException {
    Set<String> checked = new HashSet<>();
    for (String folder : List.of("hf-models", "hf-families")) {
      try (Stream<Path> checkpoints = Files.list(RESOURCES.resolve(folder))) {
        checkpoints
            .map(model -> model.resolve("config.json"))
            .filter(Files::isRegularFile)
            .map(config -> JsonFields.read(config).strings("architectures").get(0))
            .forEach(checked::add);
      }
    }
    assertThat(ModelFamilies.all())
        .extracting(ModelFamily::architecture)
        .containsExactlyInAnyOrderElementsOf(checked);
  }
}
