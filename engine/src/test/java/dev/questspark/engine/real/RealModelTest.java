package dev.questspark.engine.real;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.questspark.engine.Completion;
import dev.questspark.engine.DocumentRequest;
import dev.questspark.engine.Engine;
import dev.questspark.engine.EngineConfig;
import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.checkpoint.ModelFiles;
import dev.questspark.engine.checkpoint.files.Checkpoint;
import dev.questspark.engine.model.DecoderHarness;
import dev.questspark.engine.model.DecoderHarness.Rows;
import dev.questspark.engine.model.ModelWeights;
import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.model.family.ModelConfigReader;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.ops.cpu.CpuBackend;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.real.RealModel.Chat;
import dev.questspark.engine.real.RealModel.Logits;
import dev.questspark.engine.real.RealModel.Perplexity;
import dev.questspark.engine.real.RealModel.Reference;
import dev.questspark.engine.tokens.ChatMessage;
import dev.questspark.engine.tokens.ChatTemplate;
import dev.questspark.engine.tokens.HfTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A published model as its GGUF file is, and as a Hugging Face folder with the same weights,
 * against transformers on that folder in float32.
 */
@Tag("real-model")
class RealModelTest {
  private static final double LOGIT_TOLERANCE = 1e-3;
  private static final int CHUNK = 512;
  private static final int THREADS = 2;

  /** Weights in memory, and what is read of the file meanwhile. */
  private static final double MOST_MEMORY_PER_WEIGHT = 1.3;

  @TempDir static Path folder;
  private static Reference reference;
  private static CpuBackend backend;

  @BeforeAll
  static void open() throws IOException {
    RealModel.require();
    reference = RealModel.reference();
    backend = CpuBackend.open(new BackendOptions(THREADS, DType.F32, true));
    writeFolder(folder, DType.F32);
  }

  @AfterAll
  static void close() {
    if (backend != null) {
      backend.close();
    }
  }

  /** The published small files, and the file's weights under Hugging Face's names. */
  private static void writeFolder(Path folder, DType dtype) throws IOException {
    try (var files = Files.list(RealModel.SMALL_FILES)) {
      for (Path file : files.toList()) {
        Files.copy(file, folder.resolve(file.getFileName()));
      }
    }
    ModelConfig config = ModelConfigReader.read(folder);
    try (Checkpoint checkpoint = ModelFiles.of(RealModel.GGUF).weights()) {
      List<HostTensor> tensors = new ArrayList<>();
      for (String name : checkpoint.names()) {
        tensors.add(tensor(checkpoint, name, config));
      }
      FloatFolder.write(folder.resolve("model.safetensors"), dtype, tensors);
    }
  }

  private static HostTensor tensor(Checkpoint checkpoint, String name, ModelConfig config) {
    int hidden = config.hiddenSize();
    int inner = config.intermediateSize();
    if (name.contains("norm")) {
      return checkpoint.vector(name, hidden);
    }
    String part = name.replaceAll(".*\\.(\\w+)\\.weight", "$1");
    return switch (part) {
      case "embed_tokens" -> checkpoint.matrix(name, config.vocabSize(), hidden);
      case "q_proj" -> checkpoint.matrix(name, config.queryCols(), hidden);
      case "k_proj", "v_proj" -> checkpoint.matrix(name, config.kvCols(), hidden);
      case "o_proj" -> checkpoint.matrix(name, hidden, config.queryCols());
      case "gate_proj", "up_proj" -> checkpoint.matrix(name, inner, hidden);
      default -> checkpoint.matrix(name, hidden, inner);
    };
  }

  private static int[] ids(HfTokenizer tokenizer, String book, int start, int count)
      throws IOException {
    String text = RealModel.passage(book, start, 6 * count);
    return Arrays.copyOf(tokenizer.encode(text, true), count);
  }

  /** One row of logits per position of {@code wanted}. */
  private static List<float[]> logits(DecoderHarness harness, int[] tokens, int from, int to) {
    int[] wanted = IntStream.range(from, to).toArray();
    List<float[]> rows = new ArrayList<>();
    for (int at = 0; at < tokens.length; at += CHUNK) {
      int end = Math.min(tokens.length, at + CHUNK);
      rows.addAll(harness.step(List.of(new Rows(0, tokens, at, end, null, wanted))));
    }
    return rows;
  }

  @Test
  void configurationAndTokenizerAreThoseOfTheFolder() throws IOException {
    ModelConfig published = ModelConfigReader.read(folder);
    ModelConfig read = ModelConfigReader.read(RealModel.GGUF);
    assertThat(read.shape()).isEqualTo(published.shape());
    assertThat(read.block()).isEqualTo(published.block());
    assertThat(read.positions()).isEqualTo(published.positions());
    assertThat(read.ends()).isEqualTo(published.ends());
    String text = RealModel.passage("moby", 0, 200_000) + " 1234 \ud83e\udd85\u00a0x<|im_start|>";
    try (HfTokenizer ours = HfTokenizer.open(RealModel.GGUF);
        HfTokenizer theirs = HfTokenizer.open(folder)) {
      assertThat(ours.encode(text, true)).isEqualTo(theirs.encode(text, true));
      assertThat(ours.specialTokens()).isEqualTo(theirs.specialTokens());
      assertThat(ours.eosTokenIds()).isEqualTo(theirs.eosTokenIds());
    }
  }

  @Test
  void logitsEqualTransformers() throws IOException {
    try (HfTokenizer tokenizer = HfTokenizer.open(RealModel.GGUF)) {
      for (Logits expected : reference.logits()) {
        int[] tokens = ids(tokenizer, expected.book(), expected.start(), expected.tokens());
        assertThat(Arrays.copyOfRange(tokens, tokens.length - 8, tokens.length))
            .isEqualTo(expected.last_ids());
        List<float[]> rows = new ArrayList<>();
        for (Path model : List.of(RealModel.GGUF, folder)) {
          try (DecoderHarness harness =
              new DecoderHarness(model, backend, expected.tokens(), CHUNK)) {
            rows.addAll(logits(harness, tokens, tokens.length - 1, tokens.length));
          }
          if (expected.tokens() > 4096) {
            break; // equal bits were seen after the shorter text
          }
        }
        float[] row = rows.get(0);
        if (rows.size() > 1) {
          assertThat(row).as("bits of file and folder").isEqualTo(rows.get(1));
        }
        for (int i = 0; i < expected.top_ids().length; i++) {
          assertThat((double) row[expected.top_ids()[i]])
              .isCloseTo(expected.top_logits()[i], within(LOGIT_TOLERANCE));
        }
        assertThat(logSumExp(row)).isCloseTo(expected.logsumexp(), within(LOGIT_TOLERANCE));
      }
    }
  }

  /**
   * Rounding to bfloat16 changes a value by a factor of 1 + r; r is spread evenly over 2^-9 to both
   * sides, so that its standard deviation is 2^-9 / sqrt(3). A product of two rounded operands has
   * sqrt(2) of that. A layer has eight of them in its way (query, key, value, scores, their sum
   * over values, output, gate and up, down), and the residual stream collects those of all layers:
   * as independent ones of its own size, a share of sqrt(8 L) of it. The norm makes the stream's
   * length sqrt(H), so that the logit of a token whose row is e is off by that share of |w e|, w
   * being the norm's weight. Four deviations are allowed.
   */
  @Test
  void bfloat16StaysWithinWhatItsRoundingAllows(@TempDir Path rounded) throws IOException {
    writeFolder(rounded, DType.BF16);
    ModelConfig config = ModelConfigReader.read(rounded);
    double deviation =
        Math.sqrt(2) * Math.pow(2, -9) / Math.sqrt(3) * Math.sqrt(8.0 * config.layers());
    Logits expected = reference.logits().get(0);
    try (Checkpoint weights = ModelFiles.of(rounded).weights();
        HfTokenizer tokenizer = HfTokenizer.open(rounded);
        CpuBackend bfloat16 = CpuBackend.open(new BackendOptions(THREADS, DType.BF16, true));
        DecoderHarness harness = new DecoderHarness(rounded, bfloat16, expected.tokens(), CHUNK)) {
      HostTensor table = tensor(weights, "model.embed_tokens.weight", config);
      HostTensor norm = tensor(weights, "model.norm.weight", config);
      int[] tokens = ids(tokenizer, expected.book(), expected.start(), expected.tokens());
      float[] row = logits(harness, tokens, tokens.length - 1, tokens.length).get(0);
      double most = 0;
      double worst = 0;
      for (int i = 0; i < expected.top_ids().length; i++) {
        double length = 0;
        for (int channel = 0; channel < config.hiddenSize(); channel++) {
          double weighted = norm.get(0, channel) * table.get(expected.top_ids()[i], channel);
          length += weighted * weighted;
        }
        double allowed = 4 * deviation * Math.sqrt(length);
        double error = row[expected.top_ids()[i]] - expected.top_logits()[i];
        assertThat(error).isBetween(-allowed, allowed);
        worst = Math.max(worst, Math.abs(error));
        most = Math.max(most, allowed);
      }
      assertThat(logSumExp(row)).isCloseTo(expected.logsumexp(), within(most));
      System.out.printf("bfloat16: worst logit off by %.3f, up to %.3f allowed%n", worst, most);
      assertThat(worst).as("what was computed").isGreaterThan(LOGIT_TOLERANCE);
    }
  }

  private static double logSumExp(float[] row) {
    double most = row[DecoderHarness.argmax(row)];
    double sum = 0;
    for (float value : row) {
      sum += Math.exp(value - most);
    }
    return most + Math.log(sum);
  }

  @Test
  void perplexityEqualsTransformersToFourDigits() throws IOException {
    try (HfTokenizer tokenizer = HfTokenizer.open(RealModel.GGUF);
        DecoderHarness harness = new DecoderHarness(RealModel.GGUF, backend, 4096, CHUNK)) {
      for (Perplexity expected : reference.perplexity()) {
        int[] tokens = ids(tokenizer, expected.book(), expected.start(), expected.tokens());
        double total = 0;
        for (int at = 0; at < tokens.length; at += CHUNK) {
          int from = at;
          int[] wanted = IntStream.range(at, Math.min(at + CHUNK, tokens.length - 1)).toArray();
          List<float[]> rows =
              harness.step(List.of(new Rows(0, tokens, at, at + CHUNK, null, wanted)));
          total +=
              IntStream.range(0, rows.size())
                  .parallel()
                  .mapToDouble(i -> logSumExp(rows.get(i)) - rows.get(i)[tokens[from + i + 1]])
                  .sum();
        }
        double mean = total / (tokens.length - 1);
        assertThat(mean)
            .as("%s %d", expected.book(), expected.start())
            .isCloseTo(expected.nll_mean(), within(5e-5));
      }
    }
  }

  @Test
  void chatsAnswerAsTransformersDoes() throws IOException {
    EngineConfig config =
        EngineConfig.builder(RealModel.GGUF)
            .dtype(ComputeDType.FLOAT32)
            .maxNumSeqs(reference.chats().size())
            .threads(THREADS)
            .build();
    ChatTemplate template = ChatTemplate.open(RealModel.GGUF).orElseThrow();
    try (Engine engine = Engine.open(config)) {
      List<CompletableFuture<Completion>> answers = new ArrayList<>();
      for (Chat chat : reference.chats()) {
        String passage = RealModel.passage(chat.book(), chat.start(), chat.length());
        String message = chat.message().replace("{}", passage);
        int[] prompt =
            engine
                .tokenizer()
                .encode(template.render(List.of(new ChatMessage("user", message)), true), false);
        assertThat(prompt).hasSize(chat.prompt_tokens());
        assertThat(Arrays.copyOf(prompt, 40)).isEqualTo(chat.prompt_ids_first());
        int length = prompt.length;
        assertThat(Arrays.copyOfRange(prompt, length - 40, length))
            .isEqualTo(chat.prompt_ids_last());
        QuestionRequest question =
            new QuestionRequest(
                Arrays.copyOfRange(prompt, length - 1, length),
                new Dense(),
                false,
                SamplingParams.greedy(chat.output_ids().size(), List.of(2)));
        answers.addAll(
            engine.submit(
                new DocumentRequest(
                    chat.book(), Arrays.copyOf(prompt, length - 1), List.of(question))));
      }
      for (int i = 0; i < answers.size(); i++) {
        assertThat(answers.get(i).join().tokens())
            .as("chat %d", i)
            .isEqualTo(reference.chats().get(i).output_ids());
      }
    }
  }

  /** Nothing is held twice: neither the file beside the weights, nor rows beside packed ones. */
  @Test
  void loadingTakesLittleMoreThanTheWeights() throws IOException {
    ModelConfig config = ModelConfigReader.read(RealModel.GGUF);
    System.gc();
    long before = ProcessMemory.resident();
    ProcessMemory.forgetPeak();
    try (ModelWeights weights = ModelWeights.load(RealModel.GGUF, config, backend)) {
      long peak = ProcessMemory.peak() - before;
      assertThat(peak).isLessThan((long) (MOST_MEMORY_PER_WEIGHT * weights.bytes()));
      assertThat(peak).as("what was measured").isGreaterThan(weights.bytes() / 2);
    }
  }
}
