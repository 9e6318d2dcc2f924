package dev.questspark.engine;

import dev.questspark.engine.select.AttentionWatch;
import java.util.Optional;

/** Chooses the questions whose attention is watched; given to the engine when it opens. */
@FunctionalInterface
public interface AttentionProbe {
  /** Watches nobody. */
  AttentionProbe NONE = question -> Optional.empty();

  /**
   * Asked once for each question that is submitted, on the caller's thread.
   *
   * @return who watches the question's rows and its answer's; empty for most
   */
  Optional<AttentionWatch> watch(QuestionRequest question);
}
