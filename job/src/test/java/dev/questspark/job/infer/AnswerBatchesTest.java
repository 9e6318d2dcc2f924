package dev.questspark.job.infer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.job.corpus.Document;
import dev.questspark.job.corpus.Question;
import dev.questspark.job.partition.PlannedDocument;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Where a partition is cut into batches: from the documents alone, whatever is committed. */
class AnswerBatchesTest {
  private static List<PlannedDocument> documents() {
    Random random = new Random(7);
    List<PlannedDocument> documents = new ArrayList<>();
    long key = 0;
    for (int i = 0; i < 200; i++) {
      key += random.nextInt(3); // now and then equal to the one before
      List<Question> questions =
          IntStream.rangeClosed(0, random.nextInt(4))
              .mapToObj(q -> new Question(q, "q", null))
              .toList();
      documents.add(
          new PlannedDocument(
              key, new Document("d" + i, "t", questions, "f", Optional.empty()), 2, new BitSet()));
    }
    return documents;
  }

  @Test
  void everyAttemptMakesTheSameBatchesOfWholeDocuments() {
    List<PlannedDocument> documents = documents();
    List<String> whole = places(documents, batch -> false);
    List<String> rest = places(documents, batch -> batch % 3 == 0);
    assertThat(whole).hasSize(200);
    assertThat(rest).isNotEmpty().hasSizeLessThan(200);
    assertThat(whole).containsAll(rest);
    assertThat(whole.stream().filter(line -> Integer.parseInt(line.split(" ")[0]) % 3 > 0))
        .containsExactlyElementsOf(rest);
    // documents of one key are in one batch
    assertThat(
            whole.stream()
                .map(line -> line.split(" "))
                .collect(
                    Collectors.groupingBy(
                        at -> at[1], Collectors.mapping(at -> at[0], Collectors.toSet())))
                .values())
        .allSatisfy(batches -> assertThat(batches).hasSize(1));
  }

  /**
   * Whenever the time is up: what is asked is a run of whole documents, and nothing is asked twice.
   */
  @Test
  void theTimeEndsABatchBetweenDocumentsOfDifferentContent() {
    List<PlannedDocument> documents = documents();
    List<String> all = places(documents, batch -> false);
    for (int end = 0; end <= documents.size(); end++) {
      int most = end;
      List<PlannedDocument> asked = new ArrayList<>();
      List<AnswerBatches.Place> places = new ArrayList<>();
      AnswerBatches batches =
          new AnswerBatches(
              documents.iterator(),
              16,
              batch -> false,
              (held, rows) -> {},
              () -> asked.size() >= most);
      batches.forEachRemaining(
          one -> {
            asked.add(one.documents().get(0).orElseThrow());
            places.add(one.context());
          });
      assertThat(asked)
          .isEqualTo(documents.subList(0, asked.size()))
          .hasSizeGreaterThanOrEqualTo(most);
      assertThat(batches.stopped()).isEqualTo(asked.size() < documents.size());
      if (batches.stopped()) {
        long next = documents.get(asked.size()).key();
        assertThat(asked).noneMatch(document -> document.key() == next);
      }
      // every document is in a batch that is complete, or in the one that was cut short
      int committed = 0;
      for (AnswerBatches.Place place : places) {
        if (place.complete(List.of())) {
          committed += place.batch().documents();
        }
      }
      committed += batches.cutShort().map(AnswerBatches.Batch::documents).orElse(0);
      assertThat(committed).isEqualTo(asked.size());
    }
    assertThat(all).hasSize(documents.size());
  }

  /** Batch, key and id of each document that is asked. */
  private static List<String> places(
      List<PlannedDocument> documents, AnswerBatches.Committed committed) {
    List<String> places = new ArrayList<>();
    new AnswerBatches(documents.iterator(), 16, committed, (held, rows) -> {}, () -> false)
        .forEachRemaining(
            asked ->
                places.add(
                    asked.context().batch().number()
                        + " "
                        + asked.documents().get(0).orElseThrow().key()
                        + " "
                        + asked.documents().get(0).orElseThrow().document().id()));
    return places;
  }
}
