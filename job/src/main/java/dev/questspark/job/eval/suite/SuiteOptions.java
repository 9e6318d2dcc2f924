package dev.questspark.job.eval.suite;

import dev.questspark.job.options.JobKeys;
import dev.questspark.job.options.OptionKey;
import java.util.Set;

/** Options that some suites heed and others do not, by what they are about. */
final class SuiteOptions {
  /** Texts of {@code --input}. */
  static final Set<OptionKey<?>> TEXTS =
      Set.of(
          JobKeys.INPUT,
          JobKeys.INPUT_FORMAT,
          JobKeys.MAX_TEXT_CHARACTERS,
          JobKeys.PARSE_TIMEOUT_S,
          JobKeys.ID_COL,
          JobKeys.TEXT_COL);

  /** Questions of {@code --input}. */
  static final Set<OptionKey<?>> QUESTIONS =
      Set.of(JobKeys.TASK, JobKeys.QUESTION, JobKeys.QUESTION_COL, JobKeys.ANSWER_COL);

  /** A published folder, whose format says everything else. */
  static final Set<OptionKey<?>> FOLDER = Set.of(JobKeys.INPUT);

  static final Set<OptionKey<?>> LENGTHS = Set.of(JobKeys.LENGTHS);

  /** What is hidden where. */
  static final Set<OptionKey<?>> HIDDEN =
      Set.of(JobKeys.LENGTHS, JobKeys.DEPTHS, JobKeys.SAMPLES, JobKeys.SEED);

  static final Set<OptionKey<?>> TEMPLATE = Set.of(JobKeys.PROMPT_TEMPLATE);

  static final Set<OptionKey<?>> MAX_TOKENS = Set.of(JobKeys.MAX_TOKENS);

  /** How an answer is asked for. */
  static final Set<OptionKey<?>> ASKED =
      Set.of(
          JobKeys.APPLY_CHAT_TEMPLATE,
          JobKeys.SYSTEM_PROMPT,
          JobKeys.ON_TOO_LONG,
          JobKeys.QUESTION_ATTENTION,
          JobKeys.QUESTION_TAIL_CHARACTERS,
          JobKeys.SELECTION_STUDY,
          JobKeys.STOP,
          JobKeys.STOP_TOKEN_IDS);

  private SuiteOptions() {}
}
