package dev.questspark.engine.tokens;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.questspark.engine.checkpoint.ModelFiles;
import dev.questspark.engine.checkpoint.files.JsonFields;
import dev.questspark.engine.failure.ConfigException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Stream;

/**
 * {@code tokenizer.json} of a model folder, run by Hugging Face's own tokenizers library.
 * Truncation and padding that the file asks for are off: a prompt is never cut here.
 */
public final class HfTokenizer implements Tokenizer {
  private static final String FILE = "tokenizer.json";
  private static final String BYTE_ORDER_MARK = "\ufeff";
  private static final Map<String, String> WHOLE_TEXT =
      Map.of("truncation", "do_not_truncate", "padding", "do_not_pad");

  private final HuggingFaceTokenizer tokenizer;
  private final List<String> specialTokens;
  private final int vocabSize;
  private final OptionalInt bosTokenId;
  private final List<Integer> eosTokenIds;
  private final boolean prependsBlank;

  private HfTokenizer(
      HuggingFaceTokenizer tokenizer,
      Vocabulary vocabulary,
      TokenizerSettings names,
      boolean prependsBlank) {
    this.prependsBlank = prependsBlank;
    this.tokenizer = tokenizer;
    this.specialTokens = vocabulary.specialTokens();
    this.vocabSize = vocabulary.size();
    this.bosTokenId = names.bosToken().map(vocabulary::id).orElse(OptionalInt.empty());
    OptionalInt eos = names.eosToken().map(vocabulary::id).orElse(OptionalInt.empty());
    this.eosTokenIds = eos.isPresent() ? List.of(eos.getAsInt()) : List.of();
  }

  /** Opens a model's {@code tokenizer.json}, or what stands for it. */
  public static HfTokenizer open(Path model) {
    ModelFiles files = ModelFiles.of(model);
    JsonFields json = files.requireJson(FILE);
    Vocabulary vocabulary = Vocabulary.read(json);
    TokenizerSettings settings = TokenizerSettings.read(files);
    NativeTokenizers.load();
    String text = files.text(FILE).orElseGet(json::text);
    String withoutMark = text.startsWith(BYTE_ORDER_MARK) ? text.substring(1) : text;
    try (InputStream in = new ByteArrayInputStream(withoutMark.getBytes(StandardCharsets.UTF_8))) {
      return new HfTokenizer(
          HuggingFaceTokenizer.newInstance(in, WHOLE_TEXT),
          vocabulary,
          settings,
          Stream.of("normalizer", "pre_tokenizer")
              .anyMatch(part -> json.element(part).filter(HfTokenizer::prependsBlank).isPresent()));
    } catch (IOException | RuntimeException e) {
      throw new ConfigException(json.file() + " cannot be loaded: " + e.getMessage(), e);
    }
  }

  @Override
  public int[] encode(String text, boolean addSpecialTokens) {
    // the library's own encode makes Java objects of every token's text, offsets and masks
    long encoding = TokenizersLibrary.LIB.encode(tokenizer.getHandle(), text, addSpecialTokens);
    try {
      long[] ids = TokenizersLibrary.LIB.getTokenIds(encoding);
      return Arrays.stream(ids).mapToInt(Math::toIntExact).toArray();
    } finally {
      TokenizersLibrary.LIB.deleteEncoding(encoding);
    }
  }

  /**
   * The text is encoded behind a line break, whose ids are dropped: where they are not the first
   * ones, the break has merged with the text, which then had no blank before it either.
   */
  @Override
  public int[] encodeContinuation(String text) {
    if (!prependsBlank) {
      return encode(text, false);
    }
    for (String before : List.of("\n", ".", "a")) {
      int[] alone = encode(before, false);
      int[] both = encode(before + text, false);
      if (both.length >= alone.length
          && Arrays.equals(alone, 0, alone.length, both, 0, alone.length)) {
        return Arrays.copyOfRange(both, alone.length, both.length);
      }
    }
    return encode(text, false);
  }

  /** Whether a tokenizer's parts put a blank before a text. */
  private static boolean prependsBlank(JsonElement part) {
    if (part.isJsonArray()) {
      for (JsonElement each : part.getAsJsonArray()) {
        if (prependsBlank(each)) {
          return true;
        }
      }
      return false;
    }
    if (!part.isJsonObject()) {
      return false;
    }
    JsonObject object = part.getAsJsonObject();
    String type = object.has("type") ? object.get("type").getAsString() : "";
    return switch (type) {
      case "Sequence" ->
          object.entrySet().stream().anyMatch(entry -> prependsBlank(entry.getValue()));
      case "Prepend" -> true;
      case "Metaspace" ->
          object.has("prepend_scheme")
              ? !object.get("prepend_scheme").getAsString().equals("never")
              : !object.has("add_prefix_space") || object.get("add_prefix_space").getAsBoolean();
      case "ByteLevel" ->
          object.has("add_prefix_space") && object.get("add_prefix_space").getAsBoolean();
      default -> false;
    };
  }

  @Override
  public String decode(int[] ids, boolean skipSpecialTokens) {
    return tokenizer.decode(Arrays.stream(ids).asLongStream().toArray(), skipSpecialTokens);
  }

  @Override
  public OptionalInt bosTokenId() {
    return bosTokenId;
  }

  @Override
  public List<Integer> eosTokenIds() {
    return eosTokenIds;
  }

  @Override
  public List<String> specialTokens() {
    return specialTokens;
  }

  @Override
  public int vocabSize() {
    return vocabSize;
  }

  @Override
  public void close() {
    tokenizer.close();
  }

  /** What the ids mean, as far as the library does not tell. */
  private record Vocabulary(Map<String, Integer> added, List<String> specialTokens, int size) {

    OptionalInt id(String token) {
      Integer id = added.get(token);
      return id == null ? OptionalInt.empty() : OptionalInt.of(id);
    }

    static Vocabulary read(JsonFields file) {
      Map<String, Integer> added = new HashMap<>();
      List<String> special = new ArrayList<>();
      int size = 0;
      for (JsonFields token : file.objects("added_tokens")) {
        String content = token.requireString("content");
        int id = token.requireInt("id");
        added.put(content, id);
        size = Math.max(size, id + 1);
        if (token.flagOr("special", false)) {
          special.add(content);
        }
      }
      Optional<JsonElement> vocab = file.object("model").flatMap(model -> model.element("vocab"));
      if (vocab.isPresent() && vocab.get().isJsonObject()) { // BPE and WordPiece: token to id
        for (Map.Entry<String, JsonElement> entry : vocab.get().getAsJsonObject().entrySet()) {
          int id = entry.getValue().getAsInt();
          added.putIfAbsent(entry.getKey(), id);
          size = Math.max(size, id + 1);
        }
      } else if (vocab.isPresent()) { // Unigram: a list of [token, score]
        size = Math.max(size, vocab.get().getAsJsonArray().size());
      }
      return new Vocabulary(added, List.copyOf(special), size);
    }
  }
}
