package dev.questspark.job.infer;

import dev.questspark.engine.Completion;
import dev.questspark.engine.DocumentRequest;
import dev.questspark.engine.Engine;
import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.failure.DocumentException;
import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.policy.cache.TokenSelection;
import dev.questspark.engine.reader.TokenChoice;
import dev.questspark.job.answer.Answer;
import dev.questspark.job.answer.DocumentCoverage;
import dev.questspark.job.answer.DocumentCoverage.Source;
import dev.questspark.job.chunk.Chunk;
import dev.questspark.job.chunk.Chunker;
import dev.questspark.job.chunk.Section;
import dev.questspark.job.chunk.Sections;
import dev.questspark.job.corpus.Document;
import dev.questspark.job.corpus.Question;
import dev.questspark.job.executor.FailurePolicy;
import dev.questspark.job.executor.InferSettings;
import dev.questspark.job.prompt.PromptTokenizer;
import dev.questspark.job.prompt.PromptTokens;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * {@code on_too_long=map_reduce}: asks every chunk of a long document, then asks again over the
 * partial answers, which stand where the document stood; level by level until they fit. Each
 * partial answer stands under the heading that its chunk had, and is a section of what they make
 * together: the next level keeps it whole if it can.
 */
final class MapReduce {
  private static final String BETWEEN_PARTS = "\n\n";
  private static final String UNDER_HEADING = "\n";
  private static final String FROM_TO = " - ";

  private final InferSettings settings;
  private final Submissions submissions;
  private final Engine engine;
  private final PromptTokenizer prompts;
  private final CallbackQueue callbacks;

  MapReduce(
      InferSettings settings,
      Submissions submissions,
      PromptTokenizer prompts,
      CallbackQueue callbacks) {
    this.settings = settings;
    this.submissions = submissions;
    this.engine = submissions.engine();
    this.prompts = prompts;
    this.callbacks = callbacks;
  }

  /** One row on its way: what it has cost and what it has read. */
  private static final class Row {
    final PendingAnswer pending;
    final long startedNanos = System.nanoTime();
    final AggregatedCompletion sum = new AggregatedCompletion();

    /** Chunks of the document; none before it is cut. */
    final List<Source> sources = new ArrayList<>();

    int reduceLevels;

    Row(PendingAnswer pending) {
      this.pending = pending;
    }

    DocumentCoverage coverage() {
      return new DocumentCoverage(sources.size(), 0, reduceLevels, List.copyOf(sources));
    }
  }

  /**
   * What is asked: the document, or partial answers in its place, which are prefilled whole.
   *
   * @param unasked tokens of the document's other questions
   */
  private record Passage(
      String text,
      List<Section> sections,
      PromptTokens prompt,
      CachePolicy cachePolicy,
      List<int[]> unasked) {}

  /**
   * @param others questions of the record that are not asked here
   */
  List<CompletableFuture<Answer>> ask(
      Document document, List<Question> asked, List<Question> others, PromptTokens prompt) {
    List<Row> rows = new ArrayList<>();
    List<QuestionRequest> requests = new ArrayList<>();
    Instant now = Instant.now();
    for (Question question : asked) {
      for (ReadPolicy policy : settings.policies()) {
        rows.add(
            new Row(
                new PendingAnswer(document.id(), question, policy, settings.cachePolicy(), now)));
        requests.add(DocumentSession.request(settings, prompts, document, question, policy));
      }
    }
    Passage passage =
        new Passage(
            document.text(),
            Sections.of(document.text()),
            prompt,
            settings.cachePolicy(),
            others.stream().map(prompts::suffix).toList());
    List<CompletableFuture<String>> texts = level(document, passage, rows, requests);
    List<CompletableFuture<Answer>> answers = new ArrayList<>();
    for (int i = 0; i < rows.size(); i++) {
      Row row = rows.get(i);
      answers.add(
          texts
              .get(i)
              .handleAsync(
                  (text, failure) ->
                      failure != null
                          ? row.pending.refused(FailurePolicy.defect(failure), row.coverage())
                          : row.pending.answered(
                              row.sum.outcome(
                                  row.startedNanos, DocumentSession.layersTimesHeads(engine)),
                              row.coverage()),
                  callbacks));
    }
    return answers;
  }

  /** Final texts of the rows over one document, be it the real one or one of partial answers. */
  private List<CompletableFuture<String>> level(
      Document document, Passage passage, List<Row> rows, List<QuestionRequest> requests) {
    PromptTokens prompt = passage.prompt;
    int room =
        DocumentSession.roomForDocument(
            engine, passage.cachePolicy, prompt, requests, passage.unasked);
    if (prompt.document().length <= room) {
      return record(rows, submissions.submit(request(document, passage, prompt, requests)));
    }
    List<Chunk> chunks;
    try {
      chunks = chunks(document, passage, room);
    } catch (DocumentException noRoom) {
      return rows.stream().map(row -> CompletableFuture.<String>failedFuture(noRoom)).toList();
    }
    boolean cutsTheDocument = rows.get(0).sources.isEmpty();
    if (cutsTheDocument) {
      List<Source> sources = Source.of(passage.text, chunks);
      rows.forEach(row -> row.sources.addAll(sources));
    }
    List<List<CompletableFuture<String>>> parts = new ArrayList<>();
    for (int number = 0; number < chunks.size(); number++) {
      List<CompletableFuture<String>> texts =
          record(
              rows,
              submissions.submit(
                  request(document, passage, prompt.over(chunks.get(number).tokens()), requests)));
      parts.add(cutsTheDocument ? recordSource(rows, number, texts) : texts);
    }
    List<CompletableFuture<String>> combined = new ArrayList<>();
    for (int i = 0; i < rows.size(); i++) {
      int at = i;
      List<CompletableFuture<String>> own = parts.stream().map(part -> part.get(at)).toList();
      combined.add(
          CompletableFuture.allOf(own.toArray(CompletableFuture[]::new))
              .thenComposeAsync(
                  done ->
                      combine(
                          document,
                          passage,
                          partialAnswers(chunks, own),
                          rows.get(at),
                          requests.get(at)),
                  callbacks));
    }
    return combined;
  }

  /**
   * @throws DocumentException when there is no room for any
   */
  private List<Chunk> chunks(Document document, Passage passage, int room) {
    if (room < 1) {
      throw new DocumentException(
          ErrorCode.TOO_LONG,
          document.id()
              + ": template, question and max_tokens leave no room for a document in max_model_len "
              + engine.maxModelLen()
              + "; lower --max-tokens or shorten the question");
    }
    int wanted = settings.options().longDocuments().chunkTokens();
    int chunkTokens = wanted > 0 ? Math.min(wanted, room) : room;
    int overlap = settings.options().longDocuments().chunkOverlapTokens();
    if (chunkTokens <= overlap) {
      throw new DocumentException(
          ErrorCode.TOO_LONG,
          document.id()
              + ": max_model_len "
              + engine.maxModelLen()
              + " and chunk_tokens leave chunks of "
              + chunkTokens
              + " tokens, which must be more than chunk_overlap_tokens "
              + overlap
              + "; raise --max-model-len or --chunk-tokens, or lower --max-tokens or the overlap");
    }
    return Chunker.chunks(passage.text, passage.sections, prompts::part, chunkTokens, overlap);
  }

  /** Partial answers as a document of as many sections, each under its chunk's heading. */
  private Passage partialAnswers(List<Chunk> chunks, List<CompletableFuture<String>> texts) {
    StringBuilder text = new StringBuilder();
    List<Section> sections = new ArrayList<>();
    for (int i = 0; i < chunks.size(); i++) {
      if (i > 0) {
        text.append(BETWEEN_PARTS);
      }
      List<String> headings = chunks.get(i).headings();
      sections.add(new Section(text.length(), headings));
      if (!headings.isEmpty()) {
        text.append(heading(headings)).append(UNDER_HEADING);
      }
      text.append(texts.get(i).join().strip());
    }
    return new Passage(
        text.toString(),
        sections,
        prompts.combine(text.toString()),
        settings.cachePolicy().without(TokenSelection.class),
        List.of());
  }

  private static String heading(List<String> headings) {
    String first = headings.get(0);
    String last = headings.get(headings.size() - 1);
    return first.equals(last) ? first : first + FROM_TO + last;
  }

  private CompletableFuture<String> combine(
      Document document, Passage whole, Passage partial, Row row, QuestionRequest request) {
    row.reduceLevels++;
    int tokens = partial.prompt.document().length;
    if (tokens >= whole.prompt.document().length) {
      return CompletableFuture.failedFuture(
          new DocumentException(
              ErrorCode.TOO_LONG,
              "the partial answers of map_reduce are as long as the document ("
                  + tokens
                  + " tokens); lower --max-tokens or raise --chunk-tokens"));
    }
    QuestionRequest again =
        new QuestionRequest(
            prompts.combineSuffix(row.pending.question()),
            request.policy(),
            request.denseQuestion(),
            request.sampling());
    return level(document, partial, List.of(row), List.of(again)).get(0);
  }

  private DocumentRequest request(
      Document document, Passage passage, PromptTokens prompt, List<QuestionRequest> requests) {
    return new DocumentRequest(
        document.id(),
        prompt.prefix(),
        passage.cachePolicy,
        requests,
        TokenChoice.behind(prompt.head().length)
            .withUnasked(passage.unasked)
            .withClosing(prompts.closing()));
  }

  private List<CompletableFuture<String>> record(
      List<Row> rows, List<CompletableFuture<Completion>> completions) {
    List<CompletableFuture<String>> texts = new ArrayList<>();
    for (int i = 0; i < rows.size(); i++) {
      Row row = rows.get(i);
      texts.add(
          completions
              .get(i)
              .thenApplyAsync(
                  completion -> row.sum.add(completion, prompts.reasoning()), callbacks));
    }
    return texts;
  }

  private List<CompletableFuture<String>> recordSource(
      List<Row> rows, int number, List<CompletableFuture<String>> texts) {
    List<CompletableFuture<String>> recorded = new ArrayList<>();
    for (int i = 0; i < rows.size(); i++) {
      List<Source> sources = rows.get(i).sources;
      recorded.add(
          texts
              .get(i)
              .thenApply(
                  text -> {
                    sources.set(number, sources.get(number).answered(text));
                    return text;
                  }));
    }
    return recorded;
  }
}
