package dev.questspark.engine.checkpoint.gguf;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.questspark.engine.checkpoint.files.MappedRegion;
import dev.questspark.engine.checkpoint.gguf.GgufFile.Entry;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.DType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** The metadata of a GGUF file as {@code config.json} would say it. */
final class GgufConfig {
  private static final String TOKENS = "tokenizer.ggml.tokens";

  /** llama.cpp's names of architectures; it calls Mistral's llama. */
  private static final Map<String, String> ARCHITECTURES =
      new TreeMap<>(
          Map.of(
              "llama", "LlamaForCausalLM",
              "qwen2", "Qwen2ForCausalLM",
              "qwen3", "Qwen3ForCausalLM"));

  /** Llama 3.1's rotation, the only one that llama.cpp stores as factors: low and high, length. */
  private static final double LOW_FACTOR = 1;

  private static final double HIGH_FACTOR = 4;
  private static final int LLAMA3_TRAINED = 8192;
  private static final double FACTOR_TOLERANCE = 1e-4; // they are stored in float

  private final GgufFile gguf;
  private final GgufMetadata meta;
  private final String architecture;

  GgufConfig(GgufFile gguf) {
    this.gguf = gguf;
    this.meta = gguf.metadata();
    this.architecture = meta.text("general.architecture").orElse("missing");
    if (!ARCHITECTURES.containsKey(architecture)) {
      throw new ConfigException(
          gguf.file()
              + ": general.architecture is "
              + architecture
              + "; GGUF files of "
              + String.join(", ", ARCHITECTURES.keySet())
              + " are read, give another model's Hugging Face folder");
    }
    if (meta.intOr(key("expert_count"), 0) > 0) {
      throw new ConfigException(
          gguf.file()
              + ": the model is a mixture of experts, which is not read from GGUF; give its"
              + " Hugging Face folder");
    }
  }

  private String key(String name) {
    return architecture + "." + name;
  }

  GgufNames names() {
    return new GgufNames(architecture.equals("llama"), heads(), kvHeads());
  }

  private int heads() {
    return meta.requireIntOfAllLayers(key("attention.head_count"));
  }

  private int kvHeads() {
    String key = key("attention.head_count_kv");
    return meta.has(key) ? meta.requireIntOfAllLayers(key) : heads();
  }

  JsonObject json() {
    int window = meta.intOr(key("attention.sliding_window"), 0);
    boolean mistral = architecture.equals("llama") && window > 0;
    JsonArray architectures = new JsonArray();
    architectures.add(mistral ? "MistralForCausalLM" : ARCHITECTURES.get(architecture));
    int hidden = meta.requireInt(key("embedding_length"));
    JsonObject json = new JsonObject();
    json.add("architectures", architectures);
    json.addProperty("vocab_size", vocabulary());
    json.addProperty("hidden_size", hidden);
    json.addProperty("intermediate_size", meta.requireIntOfAllLayers(key("feed_forward_length")));
    json.addProperty("num_hidden_layers", meta.requireInt(key("block_count")));
    json.addProperty("num_attention_heads", heads());
    json.addProperty("num_key_value_heads", kvHeads());
    json.addProperty("head_dim", headDim(hidden));
    json.addProperty("max_position_embeddings", meta.requireInt(key("context_length")));
    json.addProperty("rms_norm_eps", epsilon());
    json.addProperty("tie_word_embeddings", !gguf.entries().containsKey("output.weight"));
    json.addProperty("attention_bias", gguf.entries().containsKey("blk.0.attn_q.bias"));
    json.addProperty("mlp_bias", gguf.entries().containsKey("blk.0.ffn_down.bias"));
    json.addProperty("dtype", dtype());
    if (mistral) {
      json.addProperty("sliding_window", window);
    }
    json.addProperty("rope_theta", theta());
    ropeScaling(headDim(hidden)).ifPresent(scaling -> json.add("rope_scaling", scaling));
    ends(json);
    return json;
  }

  private int vocabulary() {
    Entry table = gguf.entries().get("token_embd.weight");
    return table != null ? Math.toIntExact(table.rows()) : meta.list(TOKENS).size();
  }

  private int headDim(int hidden) {
    int headDim = meta.intOr(key("attention.key_length"), hidden / heads());
    int rotated = meta.intOr(key("rope.dimension_count"), headDim);
    int value = meta.intOr(key("attention.value_length"), headDim);
    if (rotated != headDim || value != headDim) {
      throw new ConfigException(
          "%s: heads have %d key channels, %d value channels and %d that are rotated; they must be equal"
              .formatted(gguf.file(), headDim, value, rotated));
    }
    return headDim;
  }

  private double epsilon() {
    String key = key("attention.layer_norm_rms_epsilon");
    if (!meta.has(key)) {
      throw new ConfigException(gguf.file() + ": " + key + " is missing; convert the model again");
    }
    return meta.numberOr(key, 0);
  }

  private double theta() {
    return meta.numberOr(key("rope.freq_base"), 10_000);
  }

  /** The type of most matrices; of blocks, whose values are coarser than any float, bfloat16. */
  private String dtype() {
    Map<Optional<DType>, Long> elements = new java.util.HashMap<>();
    gguf.entries().values().stream()
        .filter(entry -> entry.rows() > 1)
        .forEach(entry -> elements.merge(entry.type().plain(), entry.bytes(), Long::sum));
    return elements.entrySet().stream()
        .max(Comparator.comparingLong(Map.Entry::getValue))
        .flatMap(Map.Entry::getKey)
        .orElse(DType.BF16)
        .optionName();
  }

  private void ends(JsonObject json) {
    if (meta.has("tokenizer.ggml.bos_token_id")) {
      json.addProperty("bos_token_id", meta.requireInt("tokenizer.ggml.bos_token_id"));
    }
    JsonArray ends = new JsonArray();
    for (String name : new String[] {"eos", "eot"}) {
      String key = "tokenizer.ggml." + name + "_token_id";
      if (meta.has(key)) {
        ends.add(meta.requireInt(key));
      }
    }
    json.add("eos_token_id", ends);
  }

  private Optional<JsonObject> ropeScaling(int headDim) {
    String prefix = key("rope.scaling.");
    String type = meta.text(prefix + "type").orElse("none");
    Entry factors = gguf.entries().get(GgufNames.ROPE_FACTORS);
    if (factors != null) {
      return Optional.of(llama3(factors, headDim));
    }
    if (type.equals("none")) {
      return Optional.empty();
    }
    JsonObject scaling = new JsonObject();
    scaling.addProperty("rope_type", type); // what is not known is refused with config.json's words
    scaling.addProperty("factor", meta.numberOr(prefix + "factor", 1));
    copy(prefix + "original_context_length", scaling, "original_max_position_embeddings");
    copy(prefix + "yarn_beta_fast", scaling, "beta_fast");
    copy(prefix + "yarn_beta_slow", scaling, "beta_slow");
    return Optional.of(scaling);
  }

  private void copy(String key, JsonObject target, String name) {
    if (meta.has(key)) {
      target.addProperty(name, (Number) meta.values().get(key));
    }
  }

  /**
   * The parameters behind the stored factors, by which llama.cpp divides frequencies: the largest
   * is the scaling's own; the others follow from Llama 3.1's published numbers, or the file is
   * refused.
   */
  private JsonObject llama3(Entry entry, int headDim) {
    float[] stored = floats(entry);
    double factor = 1;
    for (float value : stored) {
      factor = Math.max(factor, value);
    }
    for (int i = 0; i < stored.length; i++) {
      double wavelength = 2 * Math.PI * Math.pow(theta(), 2.0 * i / headDim);
      double smooth = (LLAMA3_TRAINED / wavelength - LOW_FACTOR) / (HIGH_FACTOR - LOW_FACTOR);
      double clamped = Math.max(0, Math.min(1, smooth));
      double expected = 1 / ((1 - clamped) / factor + clamped);
      if (Math.abs(stored[i] - expected) > FACTOR_TOLERANCE * expected) {
        throw new ConfigException(
            "%s: %s is not that of Llama 3.1's rotation (value %d is %s, and not %s); give the model's Hugging Face folder"
                .formatted(gguf.file(), entry.name(), i, stored[i], expected));
      }
    }
    JsonObject scaling = new JsonObject();
    scaling.addProperty("rope_type", "llama3");
    scaling.addProperty("factor", factor);
    scaling.addProperty("low_freq_factor", LOW_FACTOR);
    scaling.addProperty("high_freq_factor", HIGH_FACTOR);
    scaling.addProperty("original_max_position_embeddings", LLAMA3_TRAINED);
    return scaling;
  }

  private float[] floats(Entry entry) {
    try (FileChannel channel = FileChannel.open(gguf.file(), StandardOpenOption.READ)) {
      ByteBuffer bytes =
          MappedRegion.map(channel, entry.offset(), entry.bytes())
              .bytes(0, Math.toIntExact(entry.bytes()));
      if (entry.type() != GgufType.F32) {
        throw new ConfigException(
            gguf.file() + ": " + entry.name() + " is " + entry.type() + "; it must be F32");
      }
      float[] floats = new float[(int) entry.cols()];
      bytes.asFloatBuffer().get(floats);
      return floats;
    } catch (IOException e) {
      throw new ConfigException(gguf.file() + " cannot be read: " + e.getMessage(), e);
    }
  }
}
