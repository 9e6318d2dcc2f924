package dev.questspark.engine.tokens;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.questspark.engine.checkpoint.files.JsonFields;
import dev.questspark.engine.failure.ConfigException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * {@code tokenizer.json} of a model folder, run by Hugging Face's own tokenizers library.
 * Truncation and padding that the file asks for are off: a prompt is never cut here.
 */
public final class HfTokenizer implements Tokenizer {
  private static final Map<String, String> WHOLE_TEXT =
      Map.of("truncation", "do_not_truncate", "padding", "do_not_pad");

  private final HuggingFaceTokenizer tokenizer;
  private final List<String> specialTokens;
  private final int vocabSize;
  private final OptionalInt bosTokenId;
  private final List<Integer> eosTokenIds;

  private HfTokenizer(
      HuggingFaceTokenizer tokenizer, Vocabulary vocabulary, TokenizerSettings names) {
    this.tokenizer = tokenizer;
    this.specialTokens = vocabulary.specialTokens();
    this.vocabSize = vocabulary.size();
    this.bosTokenId = names.bosToken().map(vocabulary::id).orElse(OptionalInt.empty());
    OptionalInt eos = names.eosToken().map(vocabulary::id).orElse(OptionalInt.empty());
    this.eosTokenIds = eos.isPresent() ? List.of(eos.getAsInt()) : List.of();
  }

  /** Opens {@code folder/tokenizer.json}. */
  public static HfTokenizer open(Path folder) {
    Path file = folder.resolve("tokenizer.json");
    if (!Files.isRegularFile(file)) {
      throw new ConfigException(
          folder + " holds no tokenizer.json; save the tokenizer with use_fast=True");
    }
    Vocabulary vocabulary = Vocabulary.read(JsonFields.read(file));
    TokenizerSettings settings = TokenizerSettings.read(folder);
    NativeTokenizers.load();
    try (InputStream in = Files.newInputStream(file)) {
      return new HfTokenizer(
          HuggingFaceTokenizer.newInstance(in, WHOLE_TEXT), vocabulary, settings);
    } catch (IOException | RuntimeException e) {
      throw new ConfigException(file + " cannot be loaded: " + e.getMessage(), e);
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
      for (JsonElement element : file.elements("added_tokens")) {
        JsonObject token = element.getAsJsonObject();
        String content = token.get("content").getAsString();
        added.put(content, token.get("id").getAsInt());
        size = Math.max(size, token.get("id").getAsInt() + 1);
        if (token.get("special").getAsBoolean()) {
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
