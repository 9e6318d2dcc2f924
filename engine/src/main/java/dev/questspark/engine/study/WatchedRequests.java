package dev.questspark.engine.study;

import dev.questspark.engine.AttentionProbe;
import dev.questspark.engine.DocumentRequest;
import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.select.AttentionWatch;
import dev.questspark.engine.select.prefill.PrefillWatch;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Optional;

/** A probe that is told, request by request, whom to watch. Any thread may tell it. */
public final class WatchedRequests implements AttentionProbe {
  private final Map<QuestionRequest, AttentionWatch> questions =
      Collections.synchronizedMap(new IdentityHashMap<>());
  private final Map<DocumentRequest, PrefillWatch> documents =
      Collections.synchronizedMap(new IdentityHashMap<>());

  /** Watches this very request when it is submitted; once. */
  public void add(QuestionRequest question, AttentionWatch watch) {
    questions.put(question, watch);
  }

  /** Watches the prefill of this very request when it is submitted; once. */
  public void add(DocumentRequest document, PrefillWatch watch) {
    documents.put(document, watch);
  }

  @Override
  public Optional<AttentionWatch> watch(QuestionRequest question) {
    return Optional.ofNullable(questions.remove(question));
  }

  @Override
  public Optional<PrefillWatch> watchPrefill(DocumentRequest document) {
    return Optional.ofNullable(documents.remove(document));
  }
}
