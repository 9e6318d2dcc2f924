package dev.questspark.job.options;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** The options that decide what an answer says, as opposed to where and how fast it is made. */
public final class OptionFingerprint {
  /** Each row names its own policy, so the lists that a run compares are no part of it. */
  private static final Set<OptionKey<?>> IN_THE_ROW = Set.of(JobKeys.SELECTORS, JobKeys.KV_BUDGETS);

  private static final Set<OptionKey<?>> OF_OTHER_SECTIONS =
      Set.of(
          JobKeys.TASK,
          JobKeys.APPLY_CHAT_TEMPLATE,
          JobKeys.SYSTEM_PROMPT,
          JobKeys.BACKEND,
          JobKeys.DTYPE,
          JobKeys.WEIGHT_DTYPE,
          JobKeys.MAX_MODEL_LEN,
          JobKeys.PAGE_SIZE,
          JobKeys.BATCH_INVARIANT);

  private OptionFingerprint() {}

  /** Name to value. */
  public static Map<String, String> of(JobOptions options) {
    Map<String, String> deciding = new LinkedHashMap<>();
    for (OptionSection section : JobKeys.SECTIONS) {
      for (OptionKey<?> key : section.keys()) {
        if (section.decidesAnswers() && !IN_THE_ROW.contains(key)
            || OF_OTHER_SECTIONS.contains(key)) {
          deciding.put(key.name(), options.settings().get(key.name()).shown());
        }
      }
    }
    return deciding;
  }
}
