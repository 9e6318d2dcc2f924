package dev.questspark.engine.policy.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.Completion;
import dev.questspark.engine.DocumentRequest;
import dev.questspark.engine.Engine;
import dev.questspark.engine.EngineConfig;
import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.ops.prefix.KeptSlots;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.heads.HeadPattern;
import dev.questspark.engine.policy.cache.heads.Reconstruction;
import dev.questspark.engine.tokens.ByteTokenizer;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which tokens stay of a document, by head: what is kept, and what a model then answers. */
class KeptPartsTest {
  private static final int LAYERS = 4;
  private static final int KV_HEADS = 2;
  private static final int TOKENS = 500;

  /** Scores of a model with 4 layers of 2 KV heads, two of them equal. */
  private static final String SCORES = "0.9\t0.2\n0.5\t0.5\n1e-3\t0.8\n0.7\t0.1\n";

  @TempDir private Path folder;

  private Path pattern(String name, String scores, int sink, int recent) throws IOException {
    Path pattern = Files.createDirectories(folder.resolve(name));
    Files.writeString(pattern.resolve("full_attention_heads.tsv"), scores);
    Files.writeString(
        pattern.resolve("config.json"),
        "{\"sink_size\": " + sink + ", \"recent_size\": " + recent + ", \"task\": \"x\"}");
    return pattern;
  }

  private static CachePolicy duo(double streaming, Path pattern) {
    return CachePolicy.parse("duoattention(streaming=" + streaming + ", heads=" + pattern + ")");
  }

  private static EngineConfig.Builder config(CachePolicy... policies) {
    try {
      Path model =
          Path.of(KeptPartsTest.class.getResource("/hf-models/qwen3-qknorm/config.json").toURI());
      return EngineConfig.builder(model.getParent())
          .dtype(ComputeDType.FLOAT32)
          .maxModelLen(640)
          .maxNumBatchedTokens(520)
          .pageScores(Set.of(PageScores.MEANSTD))
          .cachePolicies(Set.of(policies))
          .threads(2);
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  private static int[] tokens(long seed, int count) {
    return new Random(seed).ints(count, 3, 320).toArray();
  }

  private static Completion ask(CachePolicy policy, ReadPolicy read) {
    return ask(config(policy), policy, read);
  }

  private static Completion ask(EngineConfig.Builder config, CachePolicy policy, ReadPolicy read) {
    try (Engine engine = Engine.open(config.build(), new ByteTokenizer(), step -> {})) {
      QuestionRequest question = QuestionRequest.scoring(tokens(2, 9), read, tokens(3, 30));
      return engine
          .submit(new DocumentRequest("d", tokens(1, TOKENS), policy, List.of(question)))
          .get(0)
          .join();
    }
  }

  private static List<Double> logProbs(CachePolicy policy) {
    return ask(policy, new Dense()).logProbs();
  }

  @Test
  void headsThatScoreLowestStream() throws IOException {
    Path folder = pattern("a", SCORES, 16, 40);
    HeadPattern pattern = HeadPattern.read(folder).of(LAYERS, KV_HEADS);
    assertThat(pattern.streaming(0.5))
        .as("of equal scores the first streams")
        .containsExactly(false, true, true, false, true, false, false, true);
    assertThat(pattern.threshold(0.5)).isEqualTo(0.5);
    assertThat(pattern.streaming(0)).doesNotContain(true);
    assertThat(pattern.streaming(1)).doesNotContain(false);
    assertThat(pattern.threshold(1)).isInfinite();
    KeptSlots kept = duo(0.5, folder).kept(480, TOKENS, LAYERS, KV_HEADS);
    for (int head = 0; head < LAYERS * KV_HEADS; head++) {
      boolean streams = pattern.streaming(0.5)[head];
      List<Integer> expected = new ArrayList<>();
      for (int token = 0; token < 480; token++) {
        if (!streams || token < 16 || token >= TOKENS - 40) {
          expected.add(token);
        }
      }
      assertThat(kept.list(head)).containsExactly(expected.toArray(Integer[]::new));
    }
    // rho N + (1 - rho) (s + w), but what stays in live pages and less than a page more per head
    assertThat(kept.pages()).isEqualTo(4 * 15 + 4 * 2);
    Files.writeString(folder.resolve("full_attention_heads.tsv"), "1 2\n");
    Files.setLastModifiedTime(
        folder.resolve("full_attention_heads.tsv"), java.nio.file.attribute.FileTime.fromMillis(1));
    assertThat(HeadPattern.read(folder).scores()).isDeepEqualTo(new float[][] {{1, 2}});
  }

  @Test
  void sinksAndRecentsAreDistinctHoweverLargeTheyAre() {
    for (int sink : new int[] {0, 4, 100, 600}) {
      for (int recent : new int[] {1, 30, 450, 900}) {
        int[] expected =
            IntStream.range(0, 480).filter(p -> p < sink || p >= TOKENS - recent).toArray();
        assertThat(KeptPart.ends(sink, recent, 480, TOKENS)).isEqualTo(expected);
      }
    }
  }

  @Test
  void noHeadThatStreamsIsKeepingAll() throws IOException {
    List<Double> all = logProbs(CachePolicy.parse("keep_all"));
    assertThat(logProbs(duo(0, pattern("none", SCORES, 4, 8)))).isEqualTo(all);
    assertThat(logProbs(duo(1, pattern("wide", SCORES, 200, 400)))).isEqualTo(all);
    assertThat(logProbs(CachePolicy.parse("streaming_llm(sink=1, recent=640)"))).isEqualTo(all);
    List<Double> half = logProbs(duo(0.5, pattern("half", SCORES, 4, 8)));
    assertThat(half).isNotEqualTo(all);
    // Other heads, other answers.
    String inverted = "0.1\t0.8\n0.5\t0.5\n0.999\t0.2\n0.3\t0.9\n";
    assertThat(logProbs(duo(0.5, pattern("inverted", inverted, 4, 8)))).isNotEqualTo(half);
  }

  @Test
  void allHeadsThatStreamAreStreamingLlm() throws IOException {
    CachePolicy streaming = CachePolicy.parse("streaming_llm(sink=16, recent=64)");
    List<Double> one = logProbs(streaming);
    assertThat(logProbs(duo(1, pattern("all", SCORES, 16, 64)))).isEqualTo(one);
    // The prefill is that of a_shape, by whole blocks.
    CachePolicy dense = CachePolicy.parse("streaming_llm(sink=32, recent=64, prefill=false)");
    CachePolicy shaped = CachePolicy.parse("a_shape(sink=32, recent=64) + " + dense.text());
    assertThat(logProbs(CachePolicy.parse("streaming_llm(sink=32, recent=64)")))
        .isEqualTo(logProbs(shaped));
    // What is read is what is kept: the last 20 tokens of the document are in live pages.
    Completion answer = ask(streaming, new Dense());
    long read = 0;
    for (int decoded = 1; decoded < 30; decoded++) {
      read += LAYERS * KV_HEADS * (16 + 64 + 9 + decoded);
    }
    assertThat(answer.reads().tokensAttended()).isEqualTo(read);
    assertThat(answer.reads().denseSteps()).isEqualTo(29);
  }

  @Test
  void whatIsChosenIsTheBestOfOneBudget() {
    Random random = new Random(3);
    for (double keep : new double[] {0.01, 0.1, 0.3, 0.9, 1}) {
      Reconstruction how = new Reconstruction(keep, 4, 32, 100);
      float[][] scores = new float[8][480];
      for (float[] head : scores) {
        for (int token = 0; token < head.length; token++) {
          head[token] = random.nextInt(60); // many are equal
        }
      }
      KeptSlots kept = how.choose(scores, TOKENS);
      List<int[]> ranked = new ArrayList<>(); // head and token, what is always kept first
      for (int head = 0; head < 8; head++) {
        for (int token = 0; token < 480; token++) {
          ranked.add(new int[] {head, token, token < 4 || token >= TOKENS - 32 ? 1 : 0});
        }
      }
      ranked.sort(
          Comparator.comparingInt((int[] it) -> -it[2])
              .thenComparingDouble(it -> it[2] == 1 ? 0 : -scores[it[0]][it[1]])
              .thenComparingInt(it -> it[0])
              .thenComparingInt(it -> it[1]));
      int always = 8 * (4 + 480 - TOKENS + 32);
      int budget = Math.max(always, (int) Math.round(keep * 8 * 480));
      for (int head = 0; head < 8; head++) {
        int of = head;
        assertThat(kept.list(head))
            .isEqualTo(
                ranked.stream()
                    .limit(budget)
                    .filter(it -> it[0] == of)
                    .mapToInt(it -> it[1])
                    .sorted()
                    .toArray());
      }
      assertThat(kept.pages()).isLessThanOrEqualTo(how.mostPages(480, TOKENS, 8));
    }
  }

  @Test
  void aDocumentIsRepeatedInAnyNumberOfSteps() {
    List<Double> all = logProbs(CachePolicy.parse("keep_all"));
    assertThat(logProbs(CachePolicy.parse("kvzip(keep=1)"))).isEqualTo(all);
    CachePolicy third = CachePolicy.parse("kvzip(keep=0.3, chunk=200)");
    Completion answer = ask(third, new Dense());
    assertThat(answer.logProbs()).isNotEqualTo(all);
    int kept = (int) Math.round(0.3 * 480 * 8) + 8 * 20; // with the last 20, in live pages
    long read = 0;
    for (int decoded = 1; decoded < 30; decoded++) {
      read += kept + 8 * (9 + decoded);
    }
    assertThat(answer.reads().tokensAttended()).isEqualTo(read);
    EngineConfig.Builder small = config(third).maxNumBatchedTokens(37).maxNumSeqs(3);
    assertThat(ask(small, third, new Dense()).logProbs()).isEqualTo(answer.logProbs());
    assertThat(logProbs(CachePolicy.parse("kvzip(keep=0.3, chunk=200) + int4")))
        .isNotEqualTo(answer.logProbs());
    // One chunk or several: what a token gets depends on it.
    assertThat(logProbs(CachePolicy.parse("kvzip(keep=0.3)"))).isNotEqualTo(answer.logProbs());
  }

  /** Heads of a policy with a budget: those that keep less than it are read whole. */
  @Test
  void everythingGoesTogether() throws IOException {
    CachePolicy policy =
        CachePolicy.parse(
            "critiprefill(budget=128, segment=64) + int4 + "
                + duo(0.5, pattern("both", SCORES, 16, 64)).text());
    Completion dense = ask(policy, new Dense());
    assertThat(ask(policy, ReadPolicy.parse("quest(budget=640)")).logProbs())
        .isEqualTo(dense.logProbs());
    Completion sparse = ask(policy, ReadPolicy.parse("quest(budget=256)"));
    assertThat(sparse.reads().tokensAttended()).isLessThan(dense.reads().tokensAttended());
    assertThat(sparse.reads().bytesRead()).isLessThan(dense.reads().bytesRead());
    assertThat(dense.prefill().density()).isLessThan(0.9);
  }

  @Test
  void whatCannotBeIsOneSentence() throws IOException {
    assertRefused(duo(0.5, folder.resolve("absent")), "absent/full_attention_heads.tsv", "cannot");
    assertRefused(
        duo(0.5, pattern("small", "1\t2\n3\t4\n", 4, 8)), "2 layers x 2 KV heads", "has 4 x 2");
    assertRefused(duo(0.5, pattern("ragged", "1\t2\n3\n", 4, 8)), "rows of different lengths");
    assertRefused(duo(0.5, pattern("words", "1\tx\n", 4, 8)), "'x', which is no number");
    assertThatThrownBy(() -> CachePolicy.parse("duoattention(streaming=1.5, heads=a)"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContainingAll("streaming is 1.5", "from 0 to 1");
    assertThatThrownBy(() -> CachePolicy.parse("duoattention"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContainingAll("heads is missing", "a path");
    assertThatThrownBy(() -> CachePolicy.parse("streaming_llm + duoattention(heads=a)"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContainingAll("decide the kept slots", "keep one");
    CachePolicy policy = duo(0.25, Path.of("/patterns/model-1"));
    assertThat(CachePolicy.parse(policy.text())).isEqualTo(policy);
  }

  private static void assertRefused(CachePolicy policy, String... parts) {
    assertThatThrownBy(
            () -> Engine.open(config(policy).build(), new ByteTokenizer(), step -> {}).close())
        .isInstanceOf(ConfigException.class)
        .hasMessageContainingAll(parts);
  }
}
