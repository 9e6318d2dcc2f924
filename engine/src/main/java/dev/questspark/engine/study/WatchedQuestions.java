package dev.questspark.engine.study;

import dev.questspark.engine.AttentionProbe;
import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.select.AttentionWatch;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Optional;

/** A probe that is told, question by question, whom to watch. Any thread may tell it. */
public final class WatchedQuestions implements AttentionProbe {
  private final Map<QuestionRequest, AttentionWatch> watches =
      Collections.synchronizedMap(new IdentityHashMap<>());

  /** Watches this very request when it is submitted; once. */
  public void add(QuestionRequest question, AttentionWatch watch) {
    watches.put(question, watch);
  }

  @Override
  public Optional<AttentionWatch> watch(QuestionRequest question) {
    return Optional.ofNullable(watches.remove(question));
  }
}
