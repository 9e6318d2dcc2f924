package dev.questspark.engine.checkpoint.gguf;

import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What GGUF calls the tensors of a decoder, and what Hugging Face does.
 *
 * @param interleaved whether the rows of query and key projections are interleaved within heads, as
 *     llama.cpp stores the Llama architecture and no other
 * @param heads query heads
 * @param kvHeads key heads
 */
record GgufNames(boolean interleaved, int heads, int kvHeads) {
  /** What the wavelengths of Llama 3's rotation are divided by; read with the configuration. */
  static final String ROPE_FACTORS = "rope_freqs.weight";

  private static final Pattern OF_LAYER = Pattern.compile("blk\\.(\\d+)\\.(\\w+)\\.(weight|bias)");
  private static final Map<String, String> WHOLE =
      Map.of(
          "token_embd.weight", "model.embed_tokens.weight",
          "output_norm.weight", "model.norm.weight",
          "output.weight", "lm_head.weight");
  private static final Map<String, String> PARTS =
      Map.ofEntries(
          Map.entry("attn_norm", "input_layernorm"),
          Map.entry("attn_q", "self_attn.q_proj"),
          Map.entry("attn_k", "self_attn.k_proj"),
          Map.entry("attn_v", "self_attn.v_proj"),
          Map.entry("attn_output", "self_attn.o_proj"),
          Map.entry("attn_q_norm", "self_attn.q_norm"),
          Map.entry("attn_k_norm", "self_attn.k_norm"),
          Map.entry("ffn_norm", "post_attention_layernorm"),
          Map.entry("ffn_gate", "mlp.gate_proj"),
          Map.entry("ffn_up", "mlp.up_proj"),
          Map.entry("ffn_down", "mlp.down_proj"));

  /** Hugging Face's name; a tensor that it has no name for keeps its own. */
  String huggingFace(String name) {
    Matcher layer = OF_LAYER.matcher(name);
    if (layer.matches() && PARTS.containsKey(layer.group(2))) {
      return "model.layers.%s.%s.%s"
          .formatted(layer.group(1), PARTS.get(layer.group(2)), layer.group(3));
    }
    return WHOLE.getOrDefault(name, name);
  }

  /** Heads of a tensor whose rows are interleaved within them; 0 for any other tensor. */
  int interleavedHeads(String name) {
    Matcher layer = OF_LAYER.matcher(name);
    if (!interleaved || !layer.matches()) {
      return 0;
    }
    return switch (layer.group(2)) {
      case "attn_q" -> heads;
      case "attn_k" -> kvHeads;
      default -> 0;
    };
  }
}
