package dev.questspark.engine.model.family;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.questspark.engine.checkpoint.files.JsonFields;
import java.util.Optional;

/** A family of models: Hugging Face's names for it, and how its {@code config.json} reads. */
public final class ModelFamily {
  private final String architecture;
  private final String modelType;
  private final String models;
  private final JsonObject defaults;
  private final Reading reading;
  private final Optional<String> textPart;

  /** Tells a draft, which begins as Llama's, how the family differs. */
  interface Reading {
    void read(JsonFields json, ModelDraft draft);
  }

  private ModelFamily(
      String architecture,
      String modelType,
      String models,
      String defaults,
      Reading reading,
      Optional<String> textPart) {
    this.architecture = architecture;
    this.modelType = modelType;
    this.models = models;
    this.defaults = JsonParser.parseString(defaults).getAsJsonObject();
    this.reading = reading;
    this.textPart = textPart;
  }

  /**
   * A family whose whole {@code config.json} is about the decoder.
   *
   * @param architecture its entry of {@code architectures}
   * @param models published models, for the documentation
   * @param defaults values of transformers' configuration class that published models rely on, as a
   *     JSON object
   */
  static ModelFamily of(
      String architecture, String modelType, String models, String defaults, Reading reading) {
    return new ModelFamily(architecture, modelType, models, defaults, reading, Optional.empty());
  }

  /**
   * A family of images and text, of which the text part is read: {@code text_config}.
   *
   * @param textPart model type of the text part where it says none
   */
  static ModelFamily withImages(
      String architecture, String modelType, String models, String textPart) {
    return new ModelFamily(
        architecture, modelType, models, "{}", (json, draft) -> {}, Optional.of(textPart));
  }

  /** Hugging Face's class: {@code LlamaForCausalLM}. */
  public String architecture() {
    return architecture;
  }

  /** Hugging Face's {@code model_type}. */
  public String modelType() {
    return modelType;
  }

  /** Published models of the family, for the documentation. */
  public String models() {
    return models;
  }

  /** Model type of the text part, where there are others. */
  public Optional<String> textPart() {
    return textPart;
  }

  JsonObject defaults() {
    return defaults;
  }

  Reading reading() {
    return reading;
  }

  @Override
  public String toString() {
    return architecture;
  }
}
