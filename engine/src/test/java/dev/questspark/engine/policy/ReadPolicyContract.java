package dev.questspark.engine.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.Completion;
import dev.questspark.engine.DocumentRequest;
import dev.questspark.engine.Engine;
import dev.questspark.engine.EngineConfig;
import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.ops.backend.DeviceName;
import dev.questspark.engine.ops.backend.DigestDType;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.select.AttentionView;
import dev.questspark.engine.select.SelectionScratch;
import dev.questspark.engine.study.WatchedRequests;
import dev.questspark.engine.tokens.ByteTokenizer;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What every registered read policy keeps to, on a small grouped-query checkpoint: 4 layers, 2 KV
 * heads of 16 channels, pages of 16 tokens, all in float.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class ReadPolicyContract {
  private static final int LAYERS = 4;
  private static final int KV_HEADS = 2;
  private static final int VECTOR_BYTES = 16 * 4;
  private static final int DOCUMENT = 140;
  private static final int QUESTION = 8;
  private static final int ANSWER = 30;

  private List<List<Completion>> alone;
  private List<List<Completion>> together;

  /** Where the engines run. */
  abstract DeviceName device();

  /** How their tokens are divided: pages of 16. */
  abstract PageShape shape();

  /** Those that run on the device. */
  List<PolicyRow> rows() {
    return ReadPolicies.KNOWN.names().stream()
        .flatMap(name -> PolicyRow.ROWS.getOrDefault(name, List.of()).stream())
        .filter(row -> !row.onTheCpuAlone() || device().equals(DeviceName.CPU))
        .toList();
  }

  Stream<PolicyRow> sparseRows() {
    return rows().stream().filter(row -> !row.tight().dense());
  }

  private EngineConfig config(int maxNumSeqs, int maxRows, long kvBytes) {
    try {
      Path model =
          Path.of(ReadPolicyContract.class.getResource("/hf-models/llama3-gqa/config.json").toURI())
              .getParent();
      return EngineConfig.builder(model)
          .device(device())
          .dtype(ComputeDType.FLOAT32)
          .maxModelLen(PolicyRow.WHOLE)
          .maxNumSeqs(maxNumSeqs)
          .maxNumBatchedTokens(maxRows)
          .kvCacheBytes(kvBytes)
          .pageSize(shape().pageSize())
          .digestDType(DigestDType.CACHE)
          .digestBlockSize(shape().digestBlockSize())
          .scratch(Set.of(SelectionScratch.values()))
          .pageScores(Set.copyOf(PageScores.KNOWN))
          .threads(2)
          .overcommit(kvBytes > 0)
          .build();
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  Engine open(int maxNumSeqs, int maxRows, long kvBytes) {
    return Engine.open(config(maxNumSeqs, maxRows, kvBytes), new ByteTokenizer(), step -> {});
  }

  private static int[] tokens(long seed, int count) {
    return new Random(seed).ints(count, 3, 320).toArray();
  }

  static DocumentRequest document(int number, List<QuestionRequest> questions) {
    return new DocumentRequest("d" + number, tokens(number, DOCUMENT + 13 * number), questions);
  }

  private static QuestionRequest question(ReadPolicy policy) {
    return new QuestionRequest(
        tokens(7, QUESTION), policy, false, SamplingParams.greedy(ANSWER, List.of()));
  }

  /** Scored token by token, so that every bit of every logit tells in its log-probability. */
  static QuestionRequest scored(ReadPolicy policy) {
    return QuestionRequest.scoring(tokens(7, QUESTION), policy, tokens(8, ANSWER));
  }

  static List<Completion> join(List<CompletableFuture<Completion>> futures) {
    return futures.stream().map(CompletableFuture::join).toList();
  }

  @Test
  void everyRegisteredPolicyHasARow() {
    assertThat(PolicyRow.ROWS.keySet())
        .containsExactlyInAnyOrderElementsOf(ReadPolicies.KNOWN.names());
  }

  @Test
  void aBudgetThatCoversTheContextIsDenseToTheBit() {
    List<QuestionRequest> questions = new ArrayList<>(List.of(scored(new Dense())));
    rows().forEach(row -> questions.add(scored(row.ofBudget().apply(PolicyRow.WHOLE))));
    try (Engine engine = open(8, 512, 0)) {
      List<Completion> completions = join(engine.submit(document(0, questions)));
      for (int i = 1; i < completions.size(); i++) {
        Completion completion = completions.get(i);
        assertThat(completion.logProbs())
            .as(questions.get(i).policy().text())
            .isEqualTo(completions.get(0).logProbs())
            .hasSize(ANSWER);
        assertThat(completion.reads().sparseSteps()).isZero();
        assertThat(completion.reads().bytesRead()).isEqualTo(completion.reads().bytesDense());
      }
    }
  }

  /** A wrapper runs where the policy inside it runs. */
  @Test
  void someAreRefusedAwayFromTheCpu() {
    DeviceName gpu = DeviceName.parse("cuda:1");
    for (PolicyRow row : PolicyRow.ROWS.values().stream().flatMap(List::stream).toList()) {
      for (ReadPolicy policy : List.of(row.tight(), new SkipLayers(1, row.tight()))) {
        assertThatCode(() -> policy.requireRunsOn(DeviceName.CPU)).doesNotThrowAnyException();
        if (row.onTheCpuAlone()) {
          assertThatThrownBy(() -> policy.requireRunsOn(gpu))
              .isInstanceOf(ConfigException.class)
              .hasMessageStartingWith("policy " + row.tight().text())
              .hasMessageContaining("cuda:1")
              .hasMessageContaining("; use backend cpu")
              .message()
              .hasLineCount(1);
        } else {
          assertThatCode(() -> policy.requireRunsOn(gpu)).doesNotThrowAnyException();
        }
      }
    }
  }

  /** Every policy's question by itself, and all on one prefill; two documents. */
  private void answer() {
    if (alone == null) {
      alone = new ArrayList<>();
      try (Engine engine = open(1, 512, 0)) {
        for (int d = 0; d < 2; d++) {
          List<Completion> answers = new ArrayList<>();
          for (PolicyRow row : rows()) {
            answers.addAll(join(engine.submit(document(d, List.of(scored(row.tight()))))));
          }
          alone.add(answers);
        }
      }
      try (Engine engine = open(16, 512, 0)) {
        together = both(engine);
        assertThat(
                engine.report().policies().stream()
                    .mapToLong(policy -> policy.reads().bytesRead())
                    .sum())
            .isEqualTo(
                together.stream()
                    .flatMap(List::stream)
                    .mapToLong(completion -> completion.reads().bytesRead())
                    .sum());
      }
    }
  }

  /** Both documents at once, each with every policy's question. */
  private List<List<Completion>> both(Engine engine) {
    List<QuestionRequest> questions = rows().stream().map(row -> scored(row.tight())).toList();
    List<List<CompletableFuture<Completion>>> futures =
        IntStream.range(0, 2).mapToObj(d -> engine.submit(document(d, questions))).toList();
    return futures.stream().map(ReadPolicyContract::join).toList();
  }

  private void assertSame(List<List<Completion>> found, List<List<Completion>> expected) {
    assertSameText(found, expected);
    assertThat(found.stream().flatMap(List::stream).map(Completion::reads).toList())
        .isEqualTo(expected.stream().flatMap(List::stream).map(Completion::reads).toList());
  }

  private void assertSameText(List<List<Completion>> found, List<List<Completion>> expected) {
    for (int d = 0; d < expected.size(); d++) {
      for (int i = 0; i < rows().size(); i++) {
        Completion one = found.get(d).get(i);
        Completion other = expected.get(d).get(i);
        assertThat(one.logProbs()).as(rows().get(i).toString()).isEqualTo(other.logProbs());
      }
    }
  }

  @Test
  void batchMatesAndASharedPrefillChangeNothing() {
    answer();
    assertThat(together.get(0).get(1).usage().cachedTokens()).isEqualTo(DOCUMENT);
    assertSame(together, alone);
  }

  @Test
  void chunksChangeNothing() {
    answer();
    try (Engine engine = open(3, 37, 0)) {
      assertSame(both(engine), alone);
    }
  }

  @Test
  void preemptionChangesNothing() {
    answer();
    // 18 pages and the null page, each of 16 keys and values and two digest pairs a block, and of
    // 16 keys of 16 channels in 4 bits with a scale and a lowest value
    int pairs = 2 * shape().pageSize() / shape().digestBlockSize();
    int int4Bytes = shape().pageSize() * (8 + 4);
    long tight =
        19L * LAYERS * KV_HEADS * (VECTOR_BYTES * (2 * shape().pageSize() + 2 * pairs) + int4Bytes);
    try (Engine engine = open(8, 64, tight)) {
      List<List<Completion>> preempted = both(engine);
      assertThat(engine.report().work().preemptions()).isPositive();
      assertSameText(preempted, alone); // a replayed step is counted as question, not as decode
    }
  }

  @ParameterizedTest
  @MethodSource("rows")
  void countedBytesAreTheFormula(PolicyRow row) {
    answer();
    Completion.KvReads reads = together.get(0).get(rows().indexOf(row)).reads();
    long attended = 0;
    long scored = 0;
    long dense = 0;
    for (int i = 0; i < ANSWER - 1; i++) {
      int context = DOCUMENT + QUESTION + i + 1;
      for (int layer = 0; layer < LAYERS; layer++) {
        attended += KV_HEADS * row.tokensAttended(layer, context, shape());
        scored += KV_HEADS * row.digestsScored(layer, context, shape());
        dense += (long) KV_HEADS * context;
      }
    }
    assertThat(reads.tokensAttended()).isEqualTo(attended);
    assertThat(reads.pagesScored()).isEqualTo(scored);
    assertThat(reads.bytesRead()).isEqualTo(2 * VECTOR_BYTES * (attended + scored));
    assertThat(reads.bytesDense()).isEqualTo(2 * VECTOR_BYTES * dense);
  }

  @ParameterizedTest
  @MethodSource("sparseRows")
  void aTightBudgetChangesWhatTheModelSays(PolicyRow row) {
    answer();
    List<Double> dense = together.get(0).get(0).logProbs();
    assertThat(together.get(0).get(rows().indexOf(row)).logProbs()).isNotEqualTo(dense);
  }

  @ParameterizedTest
  @MethodSource("rows")
  void keptPagesAreTheBruteForceOnesAndTheImpostorsAreNot(PolicyRow row) {
    List<String> objections = new ArrayList<>();
    List<String> toImpostor = new ArrayList<>();
    int[] seen = new int[1];
    WatchedRequests watched = new WatchedRequests();
    QuestionRequest question = question(row.tight());
    watched.add(
        question,
        view -> {
          seen[0] += view.rows();
          objections.addAll(objections(row, row.tight(), view));
          toImpostor.addAll(objections(row, row.impostor(), view));
        });
    try (Engine engine = Engine.open(config(4, 64, 0), new ByteTokenizer(), step -> {}, watched)) {
      join(engine.submit(document(0, List.of(question, question(new Dense())))));
    }
    assertThat(seen[0]).isEqualTo(LAYERS * (QUESTION + ANSWER - 1));
    assertThat(objections).isEmpty();
    assertThat(toImpostor).as("negative control").isNotEmpty();
  }

  private static List<String> objections(PolicyRow row, ReadPolicy policy, AttentionView view) {
    AttentionView.Listed listed = view.listed(policy.selector(view.geometry().shape()));
    int headDim = view.geometry().headDim();
    int group = view.heads() / KV_HEADS;
    List<String> objections = new ArrayList<>();
    for (int r = 0; r < view.rows(); r++) {
      double[][] queries = vectors(view.queries(r), headDim);
      for (int kvHead = 0; kvHead < KV_HEADS; kvHead++) {
        double[][] ofGroup = Arrays.copyOfRange(queries, kvHead * group, (kvHead + 1) * group);
        String objection =
            PageOracle.objection(
                row,
                view.geometry().shape(),
                new PolicyRow.Head(
                    view.layer(),
                    kvHead,
                    ofGroup,
                    vectors(view.keys(r, kvHead), headDim),
                    view.logits().scale()),
                listed,
                listed.entries()[r][kvHead]);
        if (!objection.isEmpty()) {
          objections.add(
              "layer " + view.layer() + ", position " + view.position(r) + ": " + objection);
        }
      }
    }
    return objections;
  }

  private static double[][] vectors(float[] values, int headDim) {
    double[][] vectors = new double[values.length / headDim][headDim];
    for (int i = 0; i < values.length; i++) {
      vectors[i / headDim][i % headDim] = values[i];
    }
    return vectors;
  }
}
