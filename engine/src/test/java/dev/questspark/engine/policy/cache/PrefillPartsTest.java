package dev.questspark.engine.policy.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.questspark.engine.Completion;
import dev.questspark.engine.DocumentRequest;
import dev.questspark.engine.Engine;
import dev.questspark.engine.EngineConfig;
import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.ops.backend.DeviceName;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.study.PrefillStudy;
import dev.questspark.engine.study.WatchedRequests;
import dev.questspark.engine.tokens.ByteTokenizer;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What every registered prefill keeps to, on a small grouped-query checkpoint: 4 layers, 2 KV heads
 * of 16 channels.
 */
class PrefillPartsTest {
  private static final int LAYERS = 4;
  private static final int KV_HEADS = 2;
  private static final int QUERY_HEADS = 8;
  private static final int[] DOCUMENTS = {389, 64, 30, 450};

  /** Each registered part: one that drops blocks, and one that covers every context here. */
  static final List<Row> ROWS =
      List.of(
          new Row("dense", "dense"),
          new Row(
              "a_shape(sink=16, recent=32, segment=64, block=16)",
              "a_shape(sink=16, recent=448, segment=64, block=16)"),
          new Row(
              "sampled(budget=48, segment=64, block=16)",
              "sampled(budget=448, segment=64, block=16)"),
          new Row(
              "critiprefill(budget=64, from=128, segment=64, block=32)",
              "critiprefill(budget=448, from=0, segment=64, block=32)"),
          new Row(
              "xattention(threshold=0.6, segment=64, block=16)",
              "xattention(threshold=1, segment=64, block=16)"),
          new Row(
              "skip_softmax(threshold=0.5, a_shape(sink=16, recent=96, segment=64, block=16))",
              "skip_softmax(threshold=0, a_shape(sink=16, recent=448, segment=64, block=16))"),
          new Row(
              "random_blocks(budget=96, segment=64, block=32)",
              "random_blocks(budget=448, segment=64, block=32)"));

  record Row(String tight, String whole) {
    CachePolicy ofTight() {
      return CachePolicy.parsePrefill(tight);
    }

    CachePolicy ofWhole() {
      return CachePolicy.parsePrefill(whole);
    }
  }

  private static Set<CachePolicy> policies() {
    return ROWS.stream()
        .flatMap(row -> List.of(row.ofTight(), row.ofWhole()).stream())
        .collect(Collectors.toSet());
  }

  private static Path model(String name) {
    try {
      String config = "/hf-models/" + name + "/config.json";
      return Path.of(PrefillPartsTest.class.getResource(config).toURI()).getParent();
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  static EngineConfig.Builder config(int maxNumSeqs, int maxRows) {
    return config(model("llama3-gqa"), maxNumSeqs, maxRows);
  }

  private static EngineConfig.Builder config(Path model, int maxNumSeqs, int maxRows) {
    return EngineConfig.builder(model)
        .dtype(ComputeDType.FLOAT32)
        .maxModelLen(512)
        .maxNumSeqs(maxNumSeqs)
        .maxNumBatchedTokens(maxRows)
        .cachePolicies(policies())
        .threads(2);
  }

  static Engine open(EngineConfig.Builder config) {
    return Engine.open(config.build(), new ByteTokenizer(), step -> {});
  }

  private static int[] tokens(long seed, int count) {
    return new Random(seed).ints(count, 3, 320).toArray();
  }

  private static DocumentRequest document(int number, CachePolicy policy) {
    return document(number, DOCUMENTS[number], policy);
  }

  /** Two questions, scored token by token: every bit of every logit tells. */
  static DocumentRequest document(int number, int length, CachePolicy policy) {
    QuestionRequest dense = QuestionRequest.scoring(tokens(7, 8), new Dense(), tokens(8, 12));
    QuestionRequest sparse =
        QuestionRequest.scoring(tokens(9, 5), ReadPolicy.parse("quest(budget=64)"), tokens(8, 12));
    return new DocumentRequest(
        "d" + number, tokens(number, length), policy, List.of(dense, sparse));
  }

  static List<Completion> join(List<CompletableFuture<Completion>> futures) {
    return futures.stream().map(CompletableFuture::join).toList();
  }

  /** What must not depend on how a document came to be computed. */
  record Answered(List<List<Double>> logProbs, Completion.Prefill prefill) {
    static Answered of(List<Completion> completions) {
      assertThat(completions.stream().map(Completion::prefill).distinct()).hasSize(1);
      return new Answered(
          completions.stream().map(Completion::logProbs).toList(), completions.get(0).prefill());
    }
  }

  /** Every document under every policy, all at once. */
  private static List<Answered> all(Engine engine) {
    List<List<CompletableFuture<Completion>>> futures = new ArrayList<>();
    for (int d = 0; d < DOCUMENTS.length; d++) {
      for (Row row : ROWS) {
        futures.add(engine.submit(document(d, row.ofTight())));
      }
    }
    return futures.stream().map(f -> Answered.of(join(f))).toList();
  }

  private static List<Answered> alone() {
    List<Answered> alone = new ArrayList<>();
    try (Engine engine = open(config(1, 512))) {
      for (int d = 0; d < DOCUMENTS.length; d++) {
        for (Row row : ROWS) {
          alone.add(Answered.of(join(engine.submit(document(d, row.ofTight())))));
        }
      }
    }
    return alone;
  }

  @Test
  void everyRegisteredPrefillHasARow() {
    assertThat(ROWS.stream().map(row -> row.tight.replaceAll("\\(.*", "")))
        .containsExactlyInAnyOrderElementsOf(
            CacheParts.KNOWN.names().stream()
                .filter(name -> PrefillPart.class.isAssignableFrom(CacheParts.KNOWN.recordOf(name)))
                .toList());
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT32", "BFLOAT16"})
  void aBudgetThatCoversTheContextIsDenseToTheBit(ComputeDType dtype) {
    try (Engine engine = open(config(4, 512).dtype(dtype))) {
      Answered dense = Answered.of(join(engine.submit(document(0, CachePolicy.NONE))));
      assertThat(dense.prefill.density()).isEqualTo(1);
      for (Row row : ROWS) {
        Answered whole = Answered.of(join(engine.submit(document(0, row.ofWhole()))));
        assertThat(whole.logProbs).as(row.whole).isEqualTo(dense.logProbs);
        assertThat(whole.prefill.density()).isEqualTo(1);
      }
    }
  }

  @Test
  void chunksBatchMatesSharingAndPreemptionChangeNothing() {
    List<Answered> alone = alone();
    for (int i = 0; i < alone.size(); i++) {
      boolean drops = i % ROWS.size() > 0 && DOCUMENTS[i / ROWS.size()] > 300;
      assertThat(alone.get(i).prefill.density() < 1).isEqualTo(drops);
      assertThat(alone.get(i).logProbs.equals(alone.get(i - i % ROWS.size()).logProbs))
          .as("as dense: document %s, %s", i / ROWS.size(), ROWS.get(i % ROWS.size()))
          .isEqualTo(!drops);
    }
    try (Engine together = open(config(8, 512));
        Engine inChunks = open(config(3, 70))) {
      assertThat(all(together)).isEqualTo(alone);
      assertThat(all(inChunks)).isEqualTo(alone);
    }
    long pageBytes = 2L * LAYERS * KV_HEADS * 16 * 16 * 4 * 2;
    try (Engine tight = open(config(6, 100).overcommit(true).kvCacheBytes(34 * pageBytes))) {
      assertThat(all(tight)).isEqualTo(alone);
      assertThat(tight.report().work().preemptions()).isPositive();
    }
  }

  /** 389 tokens in segments of 64 and blocks of 16: the first 16 tokens and the last 32 before. */
  @Test
  void blocksAreCounted() {
    try (Engine engine = open(config(2, 128))) {
      Completion.Prefill prefill =
          join(engine.submit(document(0, ROWS.get(1).ofTight()))).get(0).prefill();
      long total = 0;
      long computed = 0;
      for (int position = 0; position < DOCUMENTS[0]; position++) {
        int own = position % 64 / 16 + 1;
        total += position / 16 + 1;
        computed += own + (position < 64 ? 0 : 3);
      }
      int heads =
          (LAYERS - 1) * QUERY_HEADS; // nobody reads what document rows attend to in the last
      assertThat(prefill.blocksTotal()).isEqualTo(heads * total);
      assertThat(prefill.blocksComputed()).isEqualTo(heads * computed);
    }
  }

  @Test
  void whatDoesNotFitIsOneSentence() {
    assertThatThrownBy(() -> config(8, 71).build())
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(
            "needs a step with a segment of 64 rows beside max_num_seqs 8; set it to 72 or more");
    assertThatCode(() -> config(8, 512).device(DeviceName.parse("cuda:1")).build())
        .doesNotThrowAnyException();
    Path windows = model("mistral-window");
    assertThatThrownBy(() -> open(config(windows, 8, 512).device(DeviceName.parse("cuda"))))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("where no layer has a sliding window, but")
        .hasMessageEndingWith("use prefill dense or backend cpu");
    CachePolicy other = CachePolicy.parsePrefill("a_shape");
    try (Engine engine = open(config(2, 128))) {
      assertThatThrownBy(() -> engine.submit(document(0, other)))
          .isInstanceOf(ConfigException.class)
          .hasMessageStartingWith(
              "cache_policy is a_shape(sink=64, recent=960, last=sparse, segment=512, block=32), but the engine"
                  + " was opened with [a_shape(");
    }
    for (String wrong : List.of("block=33", "block=0", "segment=500", "sink=0", "recent=-1")) {
      assertThatThrownBy(() -> CachePolicy.parse("a_shape(" + wrong + ")"))
          .isInstanceOf(ConfigException.class)
          .hasMessageStartingWith(
              "cache_policy part a_shape: " + wrong.replace("=", " is ") + "; it must be");
    }
    assertThatThrownBy(() -> CachePolicy.parse("random_blocks(budget=31)"))
        .hasMessage("cache_policy part random_blocks: budget is 31; it must be at least 32");
    assertThatThrownBy(() -> CachePolicy.parse("xattention(threshold=1.5)"))
        .hasMessageEndingWith("xattention: threshold is 1.5; it must be above 0 and at most 1");
    assertThatThrownBy(() -> CachePolicy.parse("xattention(stride=12)"))
        .hasMessageEndingWith("stride is 12; it must be a divisor of block, which is 32");
    assertThatThrownBy(() -> CachePolicy.parse("skip_softmax(threshold=1)"))
        .hasMessageEndingWith("threshold is 1.0; it must be from 0 to below 1");
    assertThatThrownBy(() -> CachePolicy.parse("skip_softmax(a_shape(segment=100, block=20))"))
        .hasMessageEndingWith("block of the prefill inside is 20; it must be a divisor of 64");
    assertThatThrownBy(() -> CachePolicy.parse("skip_softmax(skip_softmax)"))
        .hasMessageEndingWith("it must be a prefill that lists blocks, or dense");
    assertThatThrownBy(() -> CachePolicy.parse("critiprefill(fusion=1)"))
        .hasMessageEndingWith("fusion is 1.0; it must be from 0 to below 1");
    assertThatThrownBy(() -> CachePolicy.parse("a_shape + random_blocks"))
        .hasMessageStartingWith("cache_policy has two parts that decide the prefill");
    assertThat(CachePolicy.parse("dense")).isEqualTo(CachePolicy.NONE);
    assertThat(CachePolicy.NONE.withPrefill(other)).isEqualTo(other);
    assertThat(other.withPrefill(other)).isEqualTo(other);
    assertThatThrownBy(() -> other.withPrefill(CachePolicy.NONE))
        .hasMessage(
            "prefill is dense, but cache_policy is a_shape(sink=64, recent=960, last=sparse, segment=512,"
                + " block=32); give one of them");
  }

  /**
   * A study sees every head of each prefill in the layers where a document's rows attend, all but
   * the last, and changes no bit of its answers.
   */
  @Test
  void aStudySeesWhatTheListsKeep() {
    WatchedRequests watched = new WatchedRequests();
    try (Engine plain = open(config(2, 192));
        Engine engine =
            Engine.open(config(2, 192).build(), new ByteTokenizer(), step -> {}, watched)) {
      for (Row row : ROWS) {
        List<List<PrefillStudy.Finding>> found = new ArrayList<>();
        for (CachePolicy policy : List.of(row.ofTight(), row.ofWhole())) {
          DocumentRequest document = document(3, policy);
          PrefillStudy study = new PrefillStudy(4);
          watched.add(document, study);
          assertThat(Answered.of(join(engine.submit(document))))
              .isEqualTo(Answered.of(join(plain.submit(document))));
          found.add(study.findings());
        }
        if (row.tight().equals("dense")) {
          assertThat(found).allSatisfy(findings -> assertThat(findings).isEmpty());
          continue;
        }
        for (List<PrefillStudy.Finding> findings : found) {
          assertThat(findings)
              .hasSize((LAYERS - 1) * KV_HEADS)
              .allSatisfy(
                  finding -> {
                    // all segments of 64 rows but the first; four rows of each, two of the last
                    assertThat(finding.rows()).isEqualTo(6 * 4 + 2);
                    assertThat(finding.bestMass())
                        .isBetween(finding.attentionMass() - 1e-9, 1 + 1e-9);
                  });
        }
        assertThat(found.get(1))
            .allSatisfy(
                whole -> {
                  assertThat(whole.attentionMass()).isCloseTo(1, within(1e-9));
                  assertThat(whole.listedShare()).isEqualTo(1);
                });
        assertThat(found.get(0))
            .as(row.tight())
            .anySatisfy(tight -> assertThat(tight.attentionMass()).isLessThan(0.99));
      }
    }
  }
}
