package dev.questspark.job;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.policy.ReadPolicies;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is refused before Spark starts: options, presets, templates, the model on this machine. */
class RefusalsTest {
  @TempDir Path folder;
  private Path input;

  @BeforeEach
  void corpus() throws IOException {
    input = JobHarness.corpus(folder, 1);
  }

  private static ThrowingCallable checking(String... args) {
    return () ->
        LongDocJob.check(TestSpark.conf(), new PrintStream(new ByteArrayOutputStream()), args);
  }

  private ThrowingCallable running(String... args) {
    return checking(JobHarness.arguments(input, folder.resolve("out"), args));
  }

  private void refused(String sentence, String... args) {
    assertThatThrownBy(running(args)).isInstanceOf(ConfigException.class).hasMessage(sentence);
  }

  private void refusedFor(String fragment, String... args) {
    assertThatThrownBy(running(args))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(fragment)
        .message()
        .hasLineCount(1);
  }

  @Test
  void nothingIsWrongWithTheDemo() {
    assertThatCode(running()).doesNotThrowAnyException();
  }

  /** Controls show what a selection is worth; nobody's answers are read with them. */
  @Test
  void aControlAnswersNoRun() {
    refused(
        "policy skip_layers(layers=2, random(budget=2048, seed=0, unit=block, sink=4, recent=0)) is a"
            + " control for eval and sweep, where it shows what a selection is worth; a run answers with"
            + " another policy.",
        "--selectors=quest,random");
    refusedFor("is a control for eval and sweep", "--policies=true_mass(budget=64)");
    assertThatCode(running("--command=sweep", "--policies=true_mass(budget=64)"))
        .doesNotThrowAnyException();
    assertThatThrownBy(
            running(
                "--command=sweep",
                "--backend=cuda",
                "--policies=min_context(tokens=9, random(budget=64))"))
        .isInstanceOf(ConfigException.class)
        .hasMessageEndingWith(
            "is a control that the host computes, and backend is cuda; use backend cpu");
  }

  @Test
  void aSummaryIsNotAskedWithATemplateThatAsksQuestions() {
    assertThatThrownBy(running("--task", "summarize"))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith("task is summarize (flag), but prompt_template ")
        .hasMessageContaining(
            "demo.txt (flag) asks {{question}}; give --prompt-template a file without it");
    // both from the command line, with a question: a summary about something
    assertThatCode(running("--task", "summarize", "--question", "What is it about?"))
        .doesNotThrowAnyException();
  }

  @Test
  void aTaskGivenForTheRunDoesNotYieldToAPresetsTemplateInSilence() throws IOException {
    Path template = Files.writeString(folder.resolve("ask.txt"), "{{document}}\n{{question}}");
    Path preset =
        Files.writeString(
            folder.resolve("own.conf"),
            String.join(
                "\n",
                "model = " + JobHarness.MODEL,
                "prompt_template = " + template,
                "question_col = question",
                "max_model_len = 1024",
                "kv_cache_memory_bytes = 64m"));
    assertThatThrownBy(
            checking(
                "--preset=" + preset,
                "--input=" + input,
                "--output=" + folder.resolve("out"),
                "--task=summarize"))
        .isInstanceOf(ConfigException.class)
        .hasMessage(
            "task is summarize (flag), but prompt_template "
                + template
                + " (own.conf) asks {{question}}; give --prompt-template a file without it, or use"
                + " a preset without a template.");
  }

  @Test
  void aTemplateIsBlamedUnderItsOwnName() throws IOException {
    Path template = Files.writeString(folder.resolve("combine.txt"), "Put {{answers}} together.");
    refused(
        "combine_template " + template + " has no {{document}}, where the document is to stand.",
        "--on-too-long=map_reduce",
        "--combine-template=" + template);
    Path missing = folder.resolve("none.txt");
    refused(
        "prompt_template " + missing + " cannot be read; give a UTF-8 text file.",
        "--prompt-template=" + missing);
  }

  @Test
  void aFlagWithoutAValueIsNamedAsItWasTyped() {
    refused("--kv-budgets has no value; it takes <list of integers>.", "--kv-budgets");
    refused("--id-col has no value; it takes <text>.", "--id-col");
  }

  @Test
  void aModelIsCheckedFileByFile() throws IOException {
    Path broken = Files.createDirectory(folder.resolve("model"));
    refusedFor("does not exist", "--model=" + folder.resolve("nowhere"));
    refusedFor("config.json", "--model=" + broken);
    Path file = JobHarness.MODEL.resolve("config.json");
    refusedFor("give the model's folder", "--model=" + file);
    Files.copy(JobHarness.MODEL.resolve("config.json"), broken.resolve("config.json"));
    refusedFor("tokenizer.json", "--model=" + broken);
    Files.copy(JobHarness.MODEL.resolve("tokenizer.json"), broken.resolve("tokenizer.json"));
    byte[] weights = Files.readAllBytes(JobHarness.MODEL.resolve("model.safetensors"));
    Files.write(broken.resolve("model.safetensors"), Arrays.copyOf(weights, 100_000));
    refusedFor("model.safetensors", "--model=" + broken);
    Files.writeString(
        broken.resolve("config.json"),
        Files.readString(broken.resolve("config.json")).replace("LlamaFor", "OtherFor"));
    refusedFor("OtherForCausalLM", "--model=" + broken);
  }

  @Test
  void whatTheEngineDoesNotKnowIsRefusedWithItsOrigin() {
    refused(
        "policy 'fancy' is unknown; known: "
            + String.join(", ", ReadPolicies.KNOWN.names())
            + " (selectors, flag).",
        "--selectors=fancy");
    refused(
        "selectors is 'skip_layers' (flag); it must be names of policies ("
            + String.join(", ", ReadPolicies.KNOWN.namesOfSelections())
            + "), separated by commas.",
        "--selectors=skip_layers");
    refused("backend is 'abacus' (flag); it must be one of cpu, cuda, cuda:N.", "--backend=abacus");
    refusedFor("dtype is 'float16' (flag); it must be one of", "--dtype=float16");
    refusedFor("kv_budget 8", "--selectors=quest", "--kv-budgets=8");
  }
}
