package dev.questspark.job.infer;

import dev.questspark.engine.Completion;
import dev.questspark.engine.DocumentRequest;
import dev.questspark.engine.Engine;
import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.failure.DocumentException;
import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.engine.select.SelectorSpec;
import dev.questspark.job.corpus.Document;
import dev.questspark.job.corpus.Question;
import dev.questspark.job.options.JobKeys;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * {@code on_too_long=map_reduce}: asks every chunk of a long document, then asks again over the
 * partial answers, which stand where the document stood; level by level until they fit.
 */
final class MapReduce {
  private static final String BETWEEN_PARTS = "\n\n";

  private final InferSettings settings;
  private final Submissions submissions;
  private final Engine engine;
  private final Prompts prompts;
  private final Mailbox mailbox;

  MapReduce(InferSettings settings, Submissions submissions, Prompts prompts, Mailbox mailbox) {
    this.settings = settings;
    this.submissions = submissions;
    this.engine = submissions.engine();
    this.prompts = prompts;
    this.mailbox = mailbox;
  }

  /** One row on its way: what it has cost, and how many chunks the document had. */
  private static final class Row {
    final AnswerSlip slip;
    final long startedNanos = System.nanoTime();
    final CompletionSum sum = new CompletionSum();
    int chunks;

    Row(AnswerSlip slip) {
      this.slip = slip;
    }
  }

  List<CompletableFuture<Answer>> ask(Document document, List<Question> asked, Prompt prompt) {
    List<Row> rows = new ArrayList<>();
    List<QuestionRequest> requests = new ArrayList<>();
    Instant now = Instant.now();
    for (Question question : asked) {
      for (SelectorSpec policy : settings.policies()) {
        rows.add(new Row(new AnswerSlip(document.id(), question, policy, now)));
        requests.add(DocumentSession.request(settings, prompts, document, question, policy));
      }
    }
    List<CompletableFuture<String>> texts = level(document, prompt, rows, requests);
    List<CompletableFuture<Answer>> answers = new ArrayList<>();
    for (int i = 0; i < rows.size(); i++) {
      Row row = rows.get(i);
      answers.add(
          texts
              .get(i)
              .handleAsync(
                  (text, failure) ->
                      failure != null
                          ? row.slip.refused(FailurePolicy.defect(failure), row.chunks, 0)
                          : row.slip.answered(
                              row.sum.outcome(
                                  row.startedNanos, DocumentSession.layersTimesHeads(engine)),
                              row.chunks,
                              0),
                  mailbox));
    }
    return answers;
  }

  /** Final texts of the rows over one document, be it the real one or one of partial answers. */
  private List<CompletableFuture<String>> level(
      Document document, Prompt prompt, List<Row> rows, List<QuestionRequest> requests) {
    int room = DocumentSession.roomForDocument(engine, prompt, requests);
    if (prompt.document().length <= room) {
      return record(
          rows, submissions.submit(new DocumentRequest(document.id(), prompt.prefix(), requests)));
    }
    int wanted = settings.options().get(JobKeys.CHUNK_TOKENS);
    int chunkTokens = wanted > 0 ? Math.min(wanted, room) : room;
    int overlap = settings.options().get(JobKeys.CHUNK_OVERLAP_TOKENS);
    if (chunkTokens <= overlap) {
      return rows.stream().map(row -> noRoom(document, chunkTokens, overlap)).toList();
    }
    List<List<CompletableFuture<String>>> parts = new ArrayList<>();
    List<int[]> chunks = LongDocument.chunks(prompt.document(), chunkTokens, overlap);
    rows.stream().filter(row -> row.chunks == 0).forEach(row -> row.chunks = chunks.size());
    for (int[] chunk : chunks) {
      parts.add(
          record(
              rows,
              submissions.submit(
                  new DocumentRequest(document.id(), prompt.over(chunk).prefix(), requests))));
    }
    List<CompletableFuture<String>> combined = new ArrayList<>();
    for (int i = 0; i < rows.size(); i++) {
      int at = i;
      List<CompletableFuture<String>> own = parts.stream().map(part -> part.get(at)).toList();
      combined.add(
          CompletableFuture.allOf(own.toArray(CompletableFuture[]::new))
              .thenComposeAsync(
                  done -> combine(document, prompt, own, rows.get(at), requests.get(at)), mailbox));
    }
    return combined;
  }

  private CompletableFuture<String> combine(
      Document document,
      Prompt whole,
      List<CompletableFuture<String>> parts,
      Row row,
      QuestionRequest request) {
    String partial =
        String.join(BETWEEN_PARTS, parts.stream().map(part -> part.join().strip()).toList());
    Prompt prompt = prompts.combine(partial);
    if (prompt.document().length >= whole.document().length) {
      return CompletableFuture.failedFuture(
          new DocumentException(
              ErrorCode.TOO_LONG,
              "the partial answers of map_reduce are as long as the document ("
                  + prompt.document().length
                  + " tokens); lower --max-tokens or raise --chunk-tokens"));
    }
    QuestionRequest again =
        new QuestionRequest(
            prompts.combineSuffix(row.slip.question()),
            request.selector(),
            request.denseQuestion(),
            request.sampling());
    return level(document, prompt, List.of(row), List.of(again)).get(0);
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
                  completion -> {
                    row.sum.add(completion);
                    return completion.text();
                  },
                  mailbox));
    }
    return texts;
  }

  private static CompletableFuture<String> noRoom(Document document, int chunk, int overlap) {
    return CompletableFuture.failedFuture(
        new DocumentException(
            ErrorCode.TOO_LONG,
            document.id()
                + ": max_model_len leaves chunks of "
                + chunk
                + " tokens, which must be more than chunk_overlap_tokens "
                + overlap));
  }
}
