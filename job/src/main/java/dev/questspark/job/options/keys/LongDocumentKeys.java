package dev.questspark.job.options.keys;

import static dev.questspark.job.options.keys.OptionTypes.choice;
import static dev.questspark.job.options.keys.OptionTypes.integer;
import static dev.questspark.job.options.keys.Scope.Decides.ANSWERS;
import static dev.questspark.job.options.keys.Scope.INFERENCE;
import static dev.questspark.job.options.keys.Scope.Query.IN_QUERY;
import static dev.questspark.job.options.keys.Scope.RUN_ONLY;

import dev.questspark.job.options.Aspect;
import dev.questspark.job.options.Choices.OnTooLong;
import dev.questspark.job.options.LongDocumentOptions;

/** Documents longer than the context; {@link LongDocumentOptions} has the values. */
public final class LongDocumentKeys {
  static final OptionSection SECTION = new OptionSection("Documents longer than the context");

  private LongDocumentKeys() {}

  public static final OptionKey<OnTooLong> ON_TOO_LONG =
      choice("on_too_long", OnTooLong.class)
          .defaultValue("error")
          .scope(INFERENCE, ANSWERS, IN_QUERY)
          .aspect(Aspect.ASKING)
          .description(
              SECTION,
              "What happens to a document over max_model_len: it becomes an error row, loses its middle, or is answered section by section (map_reduce; not for sweep and eval). Suite longbench loses the middle by default, as the benchmark does.");
  public static final OptionKey<Integer> CHUNK_TOKENS =
      integer("chunk_tokens", 0, "at least 1, or 0 for the most that fits")
          .unit("tokens")
          .defaultValue("0")
          .scope(RUN_ONLY, ANSWERS, IN_QUERY)
          .requires(ON_TOO_LONG, OnTooLong.MAP_REDUCE)
          .description(
              SECTION,
              "Most tokens of a map_reduce chunk, which holds whole sections where they fit; 0 takes the most that fits into the context.");
  public static final OptionKey<Integer> CHUNK_OVERLAP_TOKENS =
      integer("chunk_overlap_tokens", 0, "0 or more")
          .unit("tokens")
          .defaultValue("0")
          .scope(RUN_ONLY, ANSWERS, IN_QUERY)
          .requires(ON_TOO_LONG, OnTooLong.MAP_REDUCE)
          .description(
              SECTION,
              "Most tokens that neighbouring chunks share where a section is too long for one chunk. Must be less than chunk_tokens.");

  /** Types the options. */
  public static LongDocumentOptions bind(JobOptions options) {
    return new LongDocumentOptions(
        options.get(ON_TOO_LONG),
        options.given(ON_TOO_LONG),
        options.get(CHUNK_TOKENS),
        options.get(CHUNK_OVERLAP_TOKENS));
  }
}
