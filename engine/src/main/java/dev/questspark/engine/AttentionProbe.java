package dev.questspark.engine;

import dev.questspark.engine.select.AttentionWatch;
import dev.questspark.engine.select.prefill.PrefillWatch;
import java.util.Optional;

/**
 * Chooses the questions whose attention and the documents whose prefill is watched; given to the
 * engine when it opens.
 */
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

  /**
   * Asked once for each document that is submitted, on the caller's thread.
   *
   * @return who watches the block lists of its prefill; nobody sees one whose prefill lists none
   */
  default Optional<PrefillWatch> watchPrefill(DocumentRequest document) {
    return Optional.empty();
  }
}
