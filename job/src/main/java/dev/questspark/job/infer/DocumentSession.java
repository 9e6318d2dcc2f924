package dev.questspark.job.infer;

import dev.questspark.engine.Completion;
import dev.questspark.engine.DocumentRequest;
import dev.questspark.engine.Engine;
import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.reader.TokenChoice;
import dev.questspark.job.answer.Answer;
import dev.questspark.job.answer.DocumentCoverage;
import dev.questspark.job.corpus.Defect;
import dev.questspark.job.corpus.Document;
import dev.questspark.job.corpus.Question;
import dev.questspark.job.executor.FailurePolicy;
import dev.questspark.job.executor.InferSettings;
import dev.questspark.job.input.Utf8;
import dev.questspark.job.options.Choices.OnTooLong;
import dev.questspark.job.partition.PlannedDocument;
import dev.questspark.job.prompt.LongDocument;
import dev.questspark.job.prompt.PromptTokenizer;
import dev.questspark.job.prompt.PromptTokens;
import java.nio.IntBuffer;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Asks one engine everything about one document: every question under every policy, each exactly
 * one answer, on one prefill of the document.
 */
final class DocumentSession {
  private final InferSettings settings;
  private final Submissions submissions;
  private final Engine engine;
  private final PromptTokenizer prompts;
  private final CallbackQueue callbacks;
  private final MapReduce mapReduce;

  DocumentSession(
      InferSettings settings,
      Submissions submissions,
      PromptTokenizer prompts,
      CallbackQueue callbacks) {
    this.settings = settings;
    this.submissions = submissions;
    this.engine = submissions.engine();
    this.prompts = prompts;
    this.callbacks = callbacks;
    this.mapReduce = new MapReduce(settings, submissions, prompts, callbacks);
  }

  /**
   * The rows that the plan wants and no other. Questions that lack the same policies share a
   * prefill; for a document that no run has touched these are all.
   */
  List<CompletableFuture<Answer>> ask(PlannedDocument planned) {
    List<Question> all = planned.document().questions();
    if (planned.untouched()) {
      return ask(planned.document(), all);
    }
    Map<List<ReadPolicy>, List<Question>> wanted = new LinkedHashMap<>();
    for (Question question : planned.document().questions()) {
      List<ReadPolicy> missing =
          IntStream.range(0, settings.policies().size())
              .filter(policy -> planned.wants(question.number(), policy))
              .mapToObj(settings.policies()::get)
              .toList();
      if (!missing.isEmpty()) {
        wanted.computeIfAbsent(missing, none -> new ArrayList<>()).add(question);
      }
    }
    List<CompletableFuture<Answer>> answers = new ArrayList<>();
    wanted.forEach(
        (policies, questions) ->
            answers.addAll(
                new DocumentSession(
                        settings.withPolicies(policies), submissions, prompts, callbacks)
                    .ask(planned.document().withQuestions(questions), all)));
    return answers;
  }

  /**
   * One future per answer row; they fail only on bugs, never on the document.
   *
   * @param all questions of the record, those that are answered already too: what is kept of the
   *     document must not depend on how much of it is left to do
   */
  private List<CompletableFuture<Answer>> ask(Document document, List<Question> all) {
    if (document.defect().isPresent()) {
      return refuse(document, document.questions(), document.defect().get());
    }
    List<CompletableFuture<Answer>> answers = new ArrayList<>();
    List<Question> asked = new ArrayList<>();
    for (Question question : document.questions()) {
      if (!canAsk(question)) {
        answers.addAll(refuse(document, List.of(question), Defect.of(ErrorCode.EMPTY_QUESTION)));
      } else {
        asked.add(question);
      }
    }
    if (!asked.isEmpty()) {
      askWithin(document, asked, all, answers);
    }
    return answers;
  }

  private boolean canAsk(Question question) {
    return !prompts.asksQuestion() || !Utf8.blank(question.text());
  }

  private void askWithin(
      Document document,
      List<Question> asked,
      List<Question> all,
      List<CompletableFuture<Answer>> answers) {
    PromptTokens prompt = prompts.ask(document.text());
    List<Question> fitting = new ArrayList<>();
    List<Question> tooLong = new ArrayList<>();
    int questions = different(all.stream().filter(this::canAsk).map(prompts::suffix));
    for (Question question : asked) {
      (fits(prompt, question, questions) ? fitting : tooLong).add(question);
    }
    Map<Boolean, List<Question>> others =
        all.stream()
            .filter(question -> !asked.contains(question) && canAsk(question))
            .collect(Collectors.partitioningBy(question -> fits(prompt, question, questions)));
    if (!fitting.isEmpty()) {
      answers.addAll(submit(document, fitting, others.get(true), prompt, 0));
    }
    if (tooLong.isEmpty()) {
      return;
    }
    switch (settings.options().longDocuments().onTooLong()) {
      case ERROR ->
          tooLong.forEach(
              question ->
                  answers.addAll(refuse(document, List.of(question), tooLong(prompt, question))));
      case TRUNCATE_MIDDLE ->
          answers.addAll(truncated(document, tooLong, others.get(false), prompt));
      case MAP_REDUCE ->
          answers.addAll(mapReduce.ask(document, tooLong, others.get(false), prompt));
    }
  }

  /**
   * Whether the prompt fits with its answer. Where positions are counted anew, only what is chosen
   * of the document must leave room for the answer: an error row says so once it is known, but a
   * document that can be cut is cut before anything is read.
   *
   * @param questions of the record, different ones
   */
  private boolean fits(PromptTokens prompt, Question question, int questions) {
    CachePolicy policy = settings.cachePolicy();
    int suffix = prompts.suffix(question).length;
    if (settings.options().longDocuments().onTooLong() == OnTooLong.ERROR) {
      return prompt.prefixTokens() + suffix <= engine.longestPrompt(policy, maxTokens());
    }
    int beside = prompt.head().length + suffix;
    return prompt.document().length
        <= engine.longestDocument(policy, beside, maxTokens(), questions);
  }

  private static int different(Stream<int[]> questions) {
    return Math.toIntExact(questions.map(IntBuffer::wrap).distinct().count());
  }

  private List<CompletableFuture<Answer>> truncated(
      Document document, List<Question> asked, List<Question> others, PromptTokens prompt) {
    int room =
        roomForDocument(
            engine,
            settings.cachePolicy(),
            prompt,
            requests(document, asked),
            others.stream().map(prompts::suffix).toList());
    if (room < 1) {
      return refuse(document, asked, tooLong(prompt, asked.get(0)));
    }
    int dropped = prompt.document().length - room;
    PromptTokens kept = prompt.over(LongDocument.withoutMiddle(prompt.document(), room));
    return submit(document, asked, others, kept, dropped);
  }

  /**
   * Document tokens that fit beside the longest question and its answer, whatever is chosen of
   * them.
   *
   * @param others questions that are not asked, whose choice counts too
   */
  static int roomForDocument(
      Engine engine,
      CachePolicy policy,
      PromptTokens prompt,
      List<QuestionRequest> requests,
      List<int[]> others) {
    int longest = requests.stream().mapToInt(request -> request.tokens().length).max().orElse(0);
    int answer =
        requests.stream().mapToInt(request -> request.sampling().maxTokens()).max().orElse(0);
    int questions =
        different(Stream.concat(requests.stream().map(QuestionRequest::tokens), others.stream()));
    return engine.longestDocument(policy, prompt.head().length + longest, answer, questions);
  }

  private List<CompletableFuture<Answer>> submit(
      Document document,
      List<Question> asked,
      List<Question> others,
      PromptTokens prompt,
      int dropped) {
    Instant started = Instant.now();
    long startedNanos = System.nanoTime();
    List<CompletableFuture<Completion>> completions =
        submissions.submit(
            new DocumentRequest(
                document.id(),
                prompt.prefix(),
                settings.cachePolicy(),
                requests(document, asked),
                TokenChoice.behind(prompt.head().length)
                    .withUnasked(others.stream().map(prompts::suffix).toList())
                    .withClosing(prompts.closing())));
    List<CompletableFuture<Answer>> answers = new ArrayList<>();
    for (Question question : asked) {
      for (ReadPolicy policy : settings.policies()) {
        PendingAnswer pending =
            new PendingAnswer(document.id(), question, policy, settings.cachePolicy(), started);
        answers.add(
            completions
                .get(answers.size())
                .handle(
                    (completion, failure) -> {
                      if (failure != null) {
                        return pending.refused(
                            FailurePolicy.defect(failure), DocumentCoverage.without(dropped));
                      }
                      AggregatedCompletion sum = new AggregatedCompletion();
                      sum.add(completion, prompts.reasoning());
                      return pending.answered(
                          sum.outcome(startedNanos, layersTimesHeads(engine)),
                          DocumentCoverage.without(dropped));
                    }));
      }
    }
    return answers;
  }

  /** Question by question, each under every policy: the order of the rows. */
  private List<QuestionRequest> requests(Document document, List<Question> asked) {
    List<QuestionRequest> requests = new ArrayList<>();
    for (Question question : asked) {
      for (ReadPolicy policy : settings.policies()) {
        requests.add(request(settings, prompts, document, question, policy));
      }
    }
    return requests;
  }

  static QuestionRequest request(
      InferSettings settings,
      PromptTokenizer prompts,
      Document document,
      Question question,
      ReadPolicy policy) {
    return new QuestionRequest(
        prompts.suffix(question),
        policy,
        settings.options().selection().denseQuestion(),
        settings.sampling(document.id(), question, prompts.endTokenIds()));
  }

  static int layersTimesHeads(Engine engine) {
    return engine.model().layers() * engine.model().kvHeads();
  }

  private Defect tooLong(PromptTokens prompt, Question question) {
    int suffix = prompts.suffix(question).length;
    boolean room = suffix + maxTokens() + prompt.head().length < engine.maxModelLen();
    return new Defect(
        ErrorCode.TOO_LONG,
        (prompt.whole() ? "document " : "document more than ")
            + prompt.prefixTokens()
            + " + question "
            + suffix
            + bound()
            + (room
                ? "; --on-too-long truncate_middle or map_reduce would answer it"
                : "; no document has room beside them: lower --max-tokens or shorten the question"));
  }

  /** Where positions are counted anew, the answer is no part of what is read. */
  private String bound() {
    CachePolicy policy = settings.cachePolicy();
    if (engine.longestPrompt(policy, 0) != engine.longestPrompt(policy, maxTokens())) {
      return " + max_tokens "
          + maxTokens()
          + " tokens exceed max_model_len "
          + engine.maxModelLen();
    }
    return " tokens to read, but " + engine.promptBound(policy);
  }

  private List<CompletableFuture<Answer>> refuse(
      Document document, List<Question> asked, Defect defect) {
    Instant now = Instant.now();
    List<CompletableFuture<Answer>> answers = new ArrayList<>();
    for (Question question : asked) {
      for (ReadPolicy policy : settings.policies()) {
        PendingAnswer pending =
            new PendingAnswer(document.id(), question, policy, settings.cachePolicy(), now);
        answers.add(
            CompletableFuture.completedFuture(
                pending.refused(defect, DocumentCoverage.without(0))));
      }
    }
    return answers;
  }

  private int maxTokens() {
    return settings.options().sampling().end().maxTokens();
  }
}
