package dev.questspark.job.options.resolve;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.Choices.ApplyChatTemplate;
import dev.questspark.job.options.Choices.Command;
import dev.questspark.job.options.Choices.OnTooLong;
import dev.questspark.job.options.Choices.Task;
import dev.questspark.job.options.Suite;
import dev.questspark.job.options.keys.CorpusKeys;
import dev.questspark.job.options.keys.EngineKeys;
import dev.questspark.job.options.keys.JobOptions;
import dev.questspark.job.options.keys.LongDocumentKeys;
import dev.questspark.job.options.keys.MeasureKeys;
import dev.questspark.job.options.keys.OptionKey;
import dev.questspark.job.options.keys.OutputKeys;
import dev.questspark.job.options.keys.PromptKeys;
import dev.questspark.job.options.keys.RunKeys;
import dev.questspark.job.options.keys.SamplingKeys;
import dev.questspark.job.options.keys.Scope;
import java.util.List;

/** The rules between values of several options. */
public final class OptionConflicts {
  private OptionConflicts() {}

  /**
   * Refuses the first conflict.
   *
   * @throws ConfigException naming both options and what to do
   */
  static void refuse(JobOptions options) {
    Command command = options.get(RunKeys.COMMAND);
    refuseUnsweptSuite(options, command);
    if (CorpusKeys.INPUT.appliesTo(command, RunKeys.suite(options))) {
      refuseWithoutInput(options);
    }
    for (OptionKey<String> key :
        List.of(PromptKeys.SYSTEM_PROMPT, PromptKeys.CHAT_TEMPLATE_KWARGS)) {
      if (key.appliesTo(command, RunKeys.suite(options))) {
        refuseTurnsWithoutChat(options, key);
      }
    }
    boolean mapReduce = options.get(LongDocumentKeys.ON_TOO_LONG) == OnTooLong.MAP_REDUCE;
    if (mapReduce && Scope.MEASUREMENT.contains(command)) {
      throw new ConfigException(
          "--on-too-long map_reduce cannot be measured by sweep and eval, which compare answers from"
              + " one prompt each; give error or truncate_middle.");
    }
    if (command == Command.RUN) {
      refuseRetryOfNothing(options);
      if (mapReduce) {
        refuseOverlap(options);
      }
      refuseNoRoom(options);
    }
  }

  private static void refuseUnsweptSuite(JobOptions options, Command command) {
    Suite suite = options.get(MeasureKeys.SUITE);
    if (command == Command.SWEEP
        && options.givenByCommand(MeasureKeys.SUITE)
        && !Suite.SWEPT.contains(suite)) {
      throw new ConfigException(
          "--suite "
              + suite.word()
              + " makes its own questions, which eval asks; a sweep takes "
              + Suite.CORPUS.word()
              + " or "
              + Suite.DIVERGENCE.word()
              + ".");
    }
  }

  /**
   * Refuses what the chat template would need, where it is off: nothing of it is dropped in
   * silence, not even a preset's. Where the template is the model's to have, its folder decides.
   */
  static void refuseTurnsWithoutChat(JobOptions options, OptionKey<String> key) {
    if (options.get(key) != null
        && PromptKeys.bind(options).applyChatTemplate() == ApplyChatTemplate.FALSE) {
      throw new ConfigException(
          key
              + " "
              + options.origin(key)
              + (key == PromptKeys.SYSTEM_PROMPT
                  ? " is a turn of the chat template, which is off; add --apply-chat-template, or"
                      + " write the text into --prompt-template."
                  : " sets variables of the chat template, which is off; add"
                      + " --apply-chat-template, or leave it out."));
    }
  }

  private static void refuseRetryOfNothing(JobOptions options) {
    if (options.get(OutputKeys.RETRY_ERRORS)
        && !options.get(OutputKeys.RESUME)
        && !options.get(OutputKeys.UPDATE)) {
      throw new ConfigException(
          OutputKeys.RETRY_ERRORS
              + " "
              + options.origin(OutputKeys.RETRY_ERRORS)
              + " only applies to --resume and --update; give one of them, or leave it out.");
    }
  }

  private static void refuseWithoutInput(JobOptions options) {
    if (options.get(CorpusKeys.INPUT).isEmpty() && options.get(CorpusKeys.INPUT_TABLE) == null) {
      throw new ConfigException(
          CorpusKeys.INPUT.flag()
              + " is missing: give a path that Spark can read, or --input-table a table's name. "
              + CorpusKeys.INPUT.description());
    }
  }

  private static void refuseOverlap(JobOptions options) {
    int chunk = options.get(LongDocumentKeys.CHUNK_TOKENS);
    int overlap = options.get(LongDocumentKeys.CHUNK_OVERLAP_TOKENS);
    if (chunk > 0 && overlap >= chunk) {
      throw new ConfigException(
          "chunk_overlap_tokens is "
              + overlap
              + " and chunk_tokens "
              + chunk
              + "; neighbouring chunks must share fewer tokens than a chunk has.");
    }
  }

  /** Where max_model_len is the model's, the engine finds it when it opens. */
  private static void refuseNoRoom(JobOptions options) {
    int context = options.get(EngineKeys.MAX_MODEL_LEN);
    if (context > 0) {
      SamplingKeys.bind(options).end().refuseWithoutRoom(context);
    }
  }

  /**
   * Refuses a summary with a template that asks a question, unless a run gives both on purpose.
   *
   * @param asksQuestion whether the template has a place for a question
   * @throws ConfigException naming both and what to do
   */
  public static void refuseUnaskedQuestion(JobOptions options, boolean asksQuestion) {
    if (options.get(PromptKeys.TASK) != Task.SUMMARIZE || !asksQuestion) {
      return;
    }
    boolean asked =
        !options.get(CorpusKeys.QUESTION).isEmpty() || options.given(CorpusKeys.QUESTION_COL);
    boolean onPurpose =
        options.givenByCommand(PromptKeys.PROMPT_TEMPLATE)
            || !options.givenByCommand(PromptKeys.TASK);
    if (!asked || !onPurpose) {
      throw new ConfigException(
          "task is summarize "
              + options.origin(PromptKeys.TASK)
              + ", but prompt_template "
              + options.get(PromptKeys.PROMPT_TEMPLATE)
              + " "
              + options.origin(PromptKeys.PROMPT_TEMPLATE)
              + " asks {{question}}; give --prompt-template a file without it, or use a preset"
              + " without a template.");
    }
  }
}
