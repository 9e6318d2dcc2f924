package dev.questspark.job;

import static dev.questspark.job.JobHarness.query;
import static dev.questspark.job.JobHarness.table;
import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.job.JobHarness.Ended;
import dev.questspark.job.options.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Models with a chat template: when it is applied, and what becomes of their thinking. */
@Tag("spark")
class ChatJobTest {
  private static final String APPLIED = "prompts stand in the model's chat template";
  private static final String WITHOUT = "prompts stand without the model's chat template";

  @TempDir Path folder;
  private Path model;
  private Path input;

  /** The demo model with what its prompts begin with as a template, which thinks where asked to. */
  @BeforeEach
  void model() throws IOException {
    model = Files.createDirectory(folder.resolve("model"));
    for (String name : List.of("config.json", "model.safetensors", "tokenizer.json")) {
      Files.createSymbolicLink(model.resolve(name), JobHarness.MODEL.resolve(name));
    }
    Files.writeString(
        model.resolve("chat_template.jinja"),
        "<|bos|>{{ messages[-1].content }}{% if enable_thinking %}<think>\n{% endif %}"
            + "{# </think> #}");
    input = JobHarness.corpus(folder, 2);
  }

  private Ended run(Path output, String... args) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "--model=" + model,
                "--kv-cache-memory-bytes=64m",
                "--max-model-len=1024",
                "--max-tokens=8",
                "--input=" + input,
                "--output=" + output));
    all.addAll(List.of(args));
    return JobHarness.runWith(all.toArray(String[]::new));
  }

  private static List<String> answers(Path output) {
    return query(
        "select doc_id, question_id, output_text, prompt_tokens from "
            + table(output, "answers")
            + " order by all");
  }

  @Test
  void theTasksOwnPromptsStandInTheTemplateUnlessItIsOff() {
    Path chat = folder.resolve("chat");
    Ended auto = run(chat);
    assertThat(auto.err()).isEmpty();
    assertThat(auto.out()).contains(APPLIED);
    Path own = folder.resolve("own");
    Ended template = run(own, "--prompt-template=" + JobHarness.TEMPLATE);
    assertThat(template.out()).contains(WITHOUT);
    assertThat(answers(own)).as("the demo's prompt is the same one").isEqualTo(answers(chat));
    Path off = folder.resolve("off");
    assertThat(run(off, "--apply-chat-template=false").out()).contains(WITHOUT);
    assertThat(answers(off)).isNotEqualTo(answers(chat));
    assertThat(
            query(
                "select distinct reasoning_text, reasoning_tokens, reasoning_finished from "
                    + table(chat, "answers")))
        .containsExactly("null|0|true");
  }

  @Test
  void aMeasurementAppliesItWhenTold() {
    String[] passkey = {
      "--command=eval",
      "--model=" + model,
      "--kv-cache-memory-bytes=64m",
      "--max-model-len=512",
      "--suite=passkey",
      "--lengths=256",
      "--depths=50",
      "--samples=1",
      "--selectors=all"
    };
    List<String> args = new ArrayList<>(List.of(passkey));
    args.add("--output=" + folder.resolve("plain"));
    Ended plain = JobHarness.runWith(args.toArray(String[]::new));
    assertThat(plain.out()).as(plain.err()).contains(WITHOUT);
    args.set(args.size() - 1, "--output=" + folder.resolve("told"));
    args.add("--apply-chat-template");
    assertThat(JobHarness.runWith(args.toArray(String[]::new)).out())
        .contains(APPLIED)
        .doesNotContain(WITHOUT);
  }

  @Test
  void anAnswerThatEndsInsideItsThinkingIsNoAnswer() {
    Path output = folder.resolve("out");
    Ended ended = run(output, "--chat-template-kwargs={\"enable_thinking\": true}");
    assertThat(ended.err()).isEmpty();
    assertThat(ended.out())
        .contains("4 of 4 answers end inside their thinking, which reasoning_text has")
        .contains("raise --max-tokens (now 8)");
    assertThat(
            query(
                "select count(*) from "
                    + table(output, "answers")
                    + " where status = 'ok' and output_text = '' and not reasoning_finished"
                    + " and length(reasoning_text) > 0 and reasoning_tokens = completion_tokens"
                    + " and finish_reason in ('length', 'stop')"))
        .containsExactly("4");
    assertThat(
            query(
                "select unfinished_reasoning, reasoning_tokens = total_output_tokens from "
                    + table(output, "stats")))
        .containsExactly("4|true");
  }

  @Test
  void aQueryAsksInTheTemplateToo() {
    String plain = asked("");
    assertThat(asked(", apply_chat_template => 'true'")).isEqualTo(plain);
    assertThat(asked(", chat_template_kwargs => '{\"enable_thinking\": true}'")).isEmpty();
  }

  private String asked(String more) {
    return TestSpark.session()
        .sql(
            "select ai_answer('It was grey. The gate code of the silver otter is 41234. Nobody"
                + " spoke.', 'What is the gate code of the silver otter?', model => '"
                + model
                + "', kv_cache_memory_bytes => '64m', max_model_len => 1024, max_tokens => 8"
                + more
                + ")")
        .first()
        .getString(0);
  }

  @Test
  void whatTheTemplateCannotTakeIsRefusedWithTheRemedy() throws IOException {
    Path out = folder.resolve("out");
    String[][] cases = {
      {
        "--chat-template-kwargs={\"enable_thinkng\": false}",
        "sets enable_thinkng, which " + model.resolve("chat_template.jinja") + " never reads"
      },
      {
        "--chat-template-kwargs={'enable_thinking': False}",
        "must be a JSON object of the chat template's variables"
      },
      {"--chat-template-kwargs=[1]", "must be a JSON object of the chat template's variables"},
      {"--chat-template-kwargs={\"messages\": []}", "sets messages, which the prompt itself sets"},
    };
    for (String[] each : cases) {
      Ended ended = run(out, each[0]);
      assertThat(ended.code()).isEqualTo(ExitCode.REFUSED);
      assertThat(ended.err()).contains(each[1]).hasLineCount(1);
    }
    Files.writeString(
        model.resolve("chat_template.jinja"), "{{ raise_exception('no such turns') }}");
    assertThat(run(out).err())
        .contains("no such turns")
        .contains("--apply-chat-template false leaves the template out")
        .hasLineCount(1);
    assertThat(run(out, "--apply-chat-template=false").code()).isZero();
    Files.delete(model.resolve("chat_template.jinja"));
    assertThat(run(out, "--system-prompt=Be brief.").err())
        .contains("system_prompt is a turn of the chat template, and model folder " + model)
        .contains("write the text into --prompt-template")
        .hasLineCount(1);
    assertThat(run(out, "--chat-template-kwargs={\"enable_thinking\": false}").err())
        .contains("chat_template_kwargs sets variables of the chat template, and model folder")
        .hasLineCount(1);
    assertThat(run(out, "--apply-chat-template").err()).contains("has no chat template");
  }
}
