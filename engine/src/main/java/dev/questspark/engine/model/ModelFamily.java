package dev.questspark.engine.model;

import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/** The model families that the decoder computes, with Hugging Face's names for them. */
public enum ModelFamily {
  /** Llama 2, 3, 3.1, 3.2, 3.3 and models of the same shape. */
  LLAMA("LlamaForCausalLM", "llama"),
  /** Mistral: Llama with an optional sliding window. */
  MISTRAL("MistralForCausalLM", "mistral"),
  /** Qwen2 and Qwen2.5: biases on query, key and value. */
  QWEN2("Qwen2ForCausalLM", "qwen2"),
  /** Qwen3: norms on the heads of query and key. */
  QWEN3("Qwen3ForCausalLM", "qwen3");

  private final String architecture;
  private final String modelType;

  ModelFamily(String architecture, String modelType) {
    this.architecture = architecture;
    this.modelType = modelType;
  }

  /** The family of an entry of {@code architectures}. */
  static Optional<ModelFamily> ofArchitecture(String name) {
    return Arrays.stream(values()).filter(f -> f.architecture.equals(name)).findFirst();
  }

  /** The family of a {@code model_type}. */
  static Optional<ModelFamily> ofModelType(String name) {
    return Arrays.stream(values()).filter(f -> f.modelType.equals(name)).findFirst();
  }

  /** All architectures, for messages. */
  static String known() {
    return Arrays.stream(values()).map(f -> f.architecture).collect(Collectors.joining(", "));
  }
}
