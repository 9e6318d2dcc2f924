package dev.questspark.engine.checkpoint.gguf;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.questspark.engine.failure.ConfigException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The tokenizer of a GGUF file as {@code tokenizer.json} and {@code tokenizer_config.json} would
 * say it: byte-level BPE with the pre-tokenizer that the file names, or sentencepiece's BPE.
 */
final class GgufTokenizer {
  private static final String PREFIX = "tokenizer.ggml.";
  private static final String SPACE = "\u2581"; // how sentencepiece writes a blank

  // Kinds of tokens, of tokenizer.ggml.token_type.
  private static final long UNKNOWN = 2;
  private static final long CONTROL = 3;
  private static final long USER_DEFINED = 4;

  /** How Llama 3 and its like cut a text, with three digits a piece; Qwen takes one. */
  private static final String WORDS =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}%s"
          + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  private static final String TEKKEN =
      "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+"
          + "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*"
          + "|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  private final GgufFile gguf;
  private final GgufMetadata meta;
  private final List<?> tokens;

  GgufTokenizer(GgufFile gguf) {
    this.gguf = gguf;
    this.meta = gguf.metadata();
    this.tokens = meta.list(PREFIX + "tokens");
    if (tokens.isEmpty()) {
      throw new ConfigException(
          gguf.file() + ": " + PREFIX + "tokens is missing; convert the model with its tokenizer");
    }
  }

  /** {@code tokenizer_config.json}: the special tokens' texts and the chat template. */
  JsonObject settings() {
    JsonObject json = new JsonObject();
    Map.of("bos", "bos", "eos", "eos", "unknown", "unk", "padding", "pad")
        .forEach(
            (name, tokenName) -> {
              String key = PREFIX + name + "_token_id";
              if (meta.has(key)) {
                json.addProperty(tokenName + "_token", token(meta.requireInt(key)));
              }
            });
    meta.text("tokenizer.chat_template").ifPresent(text -> json.addProperty("chat_template", text));
    return json;
  }

  private String token(int id) {
    if (id >= tokens.size()) {
      throw new ConfigException(
          gguf.file() + ": token id " + id + " is not one of " + tokens.size() + " tokens");
    }
    return (String) tokens.get(id);
  }

  /** {@code tokenizer.json}. */
  JsonObject tokenizer() {
    String model = meta.text(PREFIX + "model").orElse("missing");
    JsonObject json = new JsonObject();
    json.addProperty("version", "1.0");
    json.add("added_tokens", addedTokens());
    switch (model) {
      case "gpt2" -> byteLevel(json);
      case "llama" -> sentencepiece(json);
      default ->
          throw new ConfigException(
              gguf.file()
                  + ": "
                  + PREFIX
                  + "model is "
                  + model
                  + "; gpt2 and llama are read, give the model's Hugging Face folder");
    }
    return json;
  }

  private JsonArray addedTokens() {
    List<?> types = meta.list(PREFIX + "token_type");
    JsonArray added = new JsonArray();
    for (int id = 0; id < types.size(); id++) {
      long type = (Long) types.get(id);
      if (type == UNKNOWN || type == CONTROL || type == USER_DEFINED) {
        JsonObject token = object("id", id, "content", token(id));
        for (String flag : new String[] {"single_word", "lstrip", "rstrip", "normalized"}) {
          token.addProperty(flag, false);
        }
        token.addProperty("special", type != USER_DEFINED);
        added.add(token);
      }
    }
    return added;
  }

  private void byteLevel(JsonObject json) {
    String pre = meta.text(PREFIX + "pre").orElse("missing");
    JsonArray cuts = new JsonArray();
    boolean wholeWordsFirst = false;
    boolean gpt2 = false;
    switch (pre) {
      case "gpt-2" -> gpt2 = true;
      case "smollm", "starcoder", "refact", "command-r" -> {
        cuts.add(object("type", "Digits", "individual_digits", true));
        gpt2 = true;
      }
      case "llama-bpe", "llama3", "llama-v3", "falcon3" -> {
        cuts.add(split(WORDS.formatted("{1,3}")));
        wholeWordsFirst = true;
      }
      case "smaug-bpe" -> cuts.add(split(WORDS.formatted("{1,3}")));
      case "qwen2", "deepseek-r1-qwen" -> {
        cuts.add(split(WORDS.formatted("")));
        json.add("normalizer", object("type", "NFC"));
      }
      case "tekken" -> cuts.add(split(TEKKEN));
      default ->
          throw new ConfigException(
              gguf.file()
                  + ": "
                  + PREFIX
                  + "pre is "
                  + pre
                  + ", a pre-tokenizer that is not known; give the model's Hugging Face folder");
    }
    JsonObject bytes = object("type", "ByteLevel", "add_prefix_space", false, "trim_offsets", true);
    bytes.addProperty("use_regex", gpt2);
    cuts.add(bytes);
    JsonObject sequence = object("type", "Sequence");
    sequence.add("pretokenizers", cuts);
    json.add("pre_tokenizer", sequence);
    json.add("decoder", bytes);
    addBegin(json, wholeWordsFirst);
    JsonObject model = object("type", "BPE", "ignore_merges", wholeWordsFirst);
    model.add("vocab", vocabulary());
    JsonArray merges = new JsonArray();
    meta.list(PREFIX + "merges").forEach(merge -> merges.add((String) merge));
    model.add("merges", merges);
    json.add("model", model);
  }

  private static JsonObject split(String regex) {
    JsonObject split = object("type", "Split", "behavior", "Isolated", "invert", false);
    split.add("pattern", object("Regex", regex));
    return split;
  }

  private JsonObject vocabulary() {
    JsonObject vocabulary = new JsonObject();
    for (int id = 0; id < tokens.size(); id++) {
      vocabulary.addProperty((String) tokens.get(id), id);
    }
    return vocabulary;
  }

  /** What stands before a text, where the file or else the kind of tokenizer says so. */
  private void addBegin(JsonObject json, boolean absent) {
    if (!meta.flagOr(PREFIX + "add_bos_token", absent)) {
      return;
    }
    int id = meta.requireInt(PREFIX + "bos_token_id");
    String begin = token(id);
    JsonObject first = new JsonObject();
    first.add("SpecialToken", object("id", begin, "type_id", 0));
    JsonArray single = new JsonArray();
    single.add(first);
    JsonArray pair = new JsonArray();
    pair.add(first);
    for (String part : new String[] {"A", "B"}) {
      JsonObject sequence = new JsonObject();
      sequence.add("Sequence", object("id", part, "type_id", part.equals("A") ? 0 : 1));
      pair.add(sequence);
      if (part.equals("A")) {
        single.add(sequence);
      }
    }
    JsonArray ids = new JsonArray();
    ids.add(id);
    JsonArray texts = new JsonArray();
    texts.add(begin);
    JsonObject token = object("id", begin);
    token.add("ids", ids);
    token.add("tokens", texts);
    JsonObject special = new JsonObject();
    special.add(begin, token);
    JsonObject template = object("type", "TemplateProcessing");
    template.add("single", single);
    template.add("pair", pair);
    template.add("special_tokens", special);
    json.add("post_processor", template);
  }

  /**
   * Sentencepiece has scores in place of merges: a pair merges the earlier, the higher its text.
   */
  private void sentencepiece(JsonObject json) {
    boolean prefix = meta.flagOr(PREFIX + "add_space_prefix", true);
    JsonArray normalizers = new JsonArray();
    if (prefix) {
      normalizers.add(object("type", "Prepend", "prepend", SPACE));
    }
    normalizers.add(replace(" ", SPACE));
    json.add("normalizer", sequence("normalizers", normalizers));
    JsonArray decoders = new JsonArray();
    decoders.add(replace(SPACE, " "));
    decoders.add(object("type", "ByteFallback"));
    decoders.add(object("type", "Fuse"));
    if (prefix) {
      decoders.add(object("type", "Strip", "content", " ", "start", 1, "stop", 0));
    }
    json.add("decoder", sequence("decoders", decoders));
    addBegin(json, true);
    JsonObject model = object("type", "BPE", "fuse_unk", true, "byte_fallback", true);
    model.addProperty("unk_token", token(meta.intOr(PREFIX + "unknown_token_id", 0)));
    model.add("vocab", vocabulary());
    model.add("merges", merges());
    json.add("model", model);
  }

  private static JsonObject sequence(String name, JsonArray parts) {
    JsonObject sequence = object("type", "Sequence");
    sequence.add(name, parts);
    return sequence;
  }

  private static JsonObject replace(String from, String to) {
    JsonObject replace = object("type", "Replace", "content", to);
    replace.add("pattern", object("String", from));
    return replace;
  }

  /** A pair that merges to a token. */
  private record Merge(String left, String right, double score, int leftId, int rightId) {}

  private JsonArray merges() {
    List<?> scores = meta.list(PREFIX + "scores");
    if (scores.size() != tokens.size()) {
      throw new ConfigException(
          gguf.file() + ": " + PREFIX + "scores has no score per token; convert the model again");
    }
    Map<String, Integer> ids = new HashMap<>();
    for (int id = 0; id < tokens.size(); id++) {
      ids.put((String) tokens.get(id), id);
    }
    List<Merge> merges = new ArrayList<>();
    for (int id = 0; id < tokens.size(); id++) {
      String token = token(id);
      double score = ((Number) scores.get(id)).doubleValue();
      for (int cut = 1; cut < token.length(); cut++) {
        Integer left = ids.get(token.substring(0, cut));
        Integer right = ids.get(token.substring(cut));
        if (left != null && right != null) {
          merges.add(new Merge(token.substring(0, cut), token.substring(cut), score, left, right));
        }
      }
    }
    // The order of transformers' converter: by score, then by length; ties by the parts' ids.
    merges.sort(
        Comparator.comparingDouble(Merge::score)
            .thenComparingInt(merge -> merge.left().length())
            .thenComparingInt(merge -> merge.right().length())
            .reversed()
            .thenComparingInt(Merge::leftId)
            .thenComparingInt(Merge::rightId));
    JsonArray pairs = new JsonArray();
    for (Merge merge : merges) {
      JsonArray pair = new JsonArray();
      pair.add(merge.left());
      pair.add(merge.right());
      pairs.add(pair);
    }
    return pairs;
  }

  /** An object of names and values in turn. */
  private static JsonObject object(Object... pairs) {
    JsonObject object = new JsonObject();
    for (int i = 0; i < pairs.length; i += 2) {
      String name = (String) pairs[i];
      if (pairs[i + 1] instanceof Number number) {
        object.addProperty(name, number);
      } else if (pairs[i + 1] instanceof Boolean flag) {
        object.addProperty(name, flag);
      } else {
        object.addProperty(name, (String) pairs[i + 1]);
      }
    }
    return object;
  }
}
