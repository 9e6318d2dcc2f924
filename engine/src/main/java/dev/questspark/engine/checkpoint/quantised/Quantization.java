package dev.questspark.engine.checkpoint.quantised;

import dev.questspark.engine.checkpoint.files.JsonFields;
import dev.questspark.engine.failure.ConfigException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * How a checkpoint says that its matrices are stored: {@code quantization_config} of {@code
 * config.json}.
 *
 * @param method by which tool
 * @param settings the section itself
 */
public record Quantization(Method method, JsonFields settings) {
  private static final String SECTION = "quantization_config";

  /** The language model's part of a model of images and text. */
  private static final String TEXT_PART = "text_config";

  /** The methods that are read, by the names that published models give. */
  enum Method {
    FP8("fp8", "8-bit floats"),
    FBGEMM_FP8("fbgemm_fp8", "8-bit floats"),
    COMPRESSED_TENSORS("compressed-tensors", "8-bit floats or integers of 4 or 8 bits"),
    AWQ("awq", "integers of 4 bits"),
    GPTQ("gptq", "integers of 2, 4 or 8 bits"),
    BITSANDBYTES("bitsandbytes", "4-bit floats or integers of 8 bits"),
    MXFP4("mxfp4", "4-bit floats");

    private final String published;
    private final String numbers;

    Method(String published, String numbers) {
      this.published = published;
      this.numbers = numbers;
    }

    String published() {
      return published;
    }

    String numbers() {
      return numbers;
    }
  }

  /**
   * What {@code config.json} says, if it says anything.
   *
   * @throws ConfigException with the remedy, if it is not known
   */
  public static Optional<Quantization> of(JsonFields config) {
    return config
        .object(SECTION)
        .or(() -> config.object(TEXT_PART).flatMap(text -> text.object(SECTION)))
        .map(settings -> new Quantization(method(settings), settings))
        .map(Quantization::checked);
  }

  private static Method method(JsonFields settings) {
    String given =
        settings
            .string("quant_method")
            .orElse(settings.flagOr("load_in_4bit", false) ? "bitsandbytes" : "missing");
    return Arrays.stream(Method.values())
        .filter(method -> method.published.equals(given))
        .findFirst()
        .orElseThrow(
            () ->
                new ConfigException(
                    settings.file()
                        + ": "
                        + SECTION
                        + ".quant_method is "
                        + given
                        + "; known are "
                        + Arrays.stream(Method.values())
                            .map(Method::published)
                            .collect(Collectors.joining(", "))
                        + ", give the model that this one was quantised from"));
  }

  private Quantization checked() {
    switch (method) {
      case AWQ -> {
        require("version", settings.string("version").orElse("gemm"), List.of("gemm", "GEMM"));
        requireBits(List.of(4));
      }
      case GPTQ -> {
        requireBits(List.of(2, 4, 8));
        require(
            "checkpoint_format",
            settings.string("checkpoint_format").orElse("gptq"),
            List.of("gptq", "gptq_v2"));
      }
      case COMPRESSED_TENSORS ->
          settings
              .object("sparsity_config")
              .flatMap(sparsity -> sparsity.string("format"))
              .ifPresent(format -> require("sparsity_config.format", format, List.of("dense")));
      default -> {}
    }
    return this;
  }

  private void requireBits(List<Integer> known) {
    int bits = settings.countOr("bits", settings.countOr("w_bit", 4));
    if (!known.contains(bits)) {
      throw settings.bad("bits", "one of " + known);
    }
  }

  private void require(String key, String given, List<String> known) {
    if (!known.contains(given)) {
      throw new ConfigException(
          settings.file()
              + ": "
              + SECTION
              + "."
              + key
              + " is "
              + given
              + "; it must be one of "
              + known
              + ", give the model that this one was quantised from");
    }
  }
}
