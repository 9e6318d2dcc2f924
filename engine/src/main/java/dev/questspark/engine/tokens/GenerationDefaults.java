package dev.questspark.engine.tokens;

import dev.questspark.engine.checkpoint.ModelFiles;
import dev.questspark.engine.checkpoint.files.JsonFields;
import dev.questspark.engine.failure.ConfigException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a model's {@code generation_config.json} sets, under the names of the sampling options. As
 * in Hugging Face's generate, temperature and the cuts count only with {@code do_sample}, which
 * keeps 50 tokens unless the file says another {@code top_k}; without it the file means greedy.
 *
 * @param values option name to value: {@code temperature}, {@code top_p}, {@code top_k}, {@code
 *     min_p}, {@code repetition_penalty}, {@code max_tokens}; only what the file sets
 * @param eosTokenIds ids that end a sequence; empty if the file names none
 */
public record GenerationDefaults(Map<String, Number> values, List<Integer> eosTokenIds) {
  private static final Logger LOG = LoggerFactory.getLogger(GenerationDefaults.class);
  private static final String FILE = "generation_config.json";
  private static final GenerationDefaults NONE = new GenerationDefaults(Map.of(), List.of());

  /** Files whose values have been logged: every task of a job reads them. */
  private static final Set<String> LOGGED = ConcurrentHashMap.newKeySet();

  /** Options that only count when sampling. */
  private static final List<String> SAMPLING = List.of("temperature", "top_p", "top_k", "min_p");

  /** What generate takes for a file that samples and does not say it. */
  private static final int ABSENT_TOP_K = 50;

  /** Keys that are read here or elsewhere, or that do not decide which token comes next. */
  private static final Set<String> UNDERSTOOD =
      Set.of(
          "temperature",
          "top_p",
          "top_k",
          "min_p",
          "do_sample",
          "repetition_penalty",
          "max_new_tokens",
          "max_length",
          "eos_token_id",
          "bos_token_id",
          "pad_token_id",
          "decoder_start_token_id",
          "use_cache",
          "cache_implementation",
          "transformers_version",
          "chat_format",
          "_from_model_config");

  /** Values that switch a key off, whatever it is. */
  private static final Set<String> OFF =
      Set.of("null", "false", "0", "0.0", "1", "1.0", "\"\"", "[]", "{}");

  public GenerationDefaults {
    values = Map.copyOf(values);
    eosTokenIds = List.copyOf(eosTokenIds);
  }

  /**
   * Reads the defaults and logs each value that is set, once per file.
   *
   * @param setting {@code generation_config}: {@code auto} for the model folder's file if it has
   *     one, {@code none}, or the path of a file or of a folder that holds one
   */
  public static GenerationDefaults read(String setting, Path modelFolder) {
    if (setting.equals("none")) {
      return NONE;
    }
    if (setting.equals("auto")) {
      return Files.exists(modelFolder)
          ? ModelFiles.of(modelFolder).json(FILE).map(GenerationDefaults::read).orElse(NONE)
          : NONE;
    }
    Path named = Path.of(setting);
    Path file = Files.isDirectory(named) ? named.resolve(FILE) : named;
    if (!Files.isRegularFile(file)) {
      throw new ConfigException(
          "generation_config is " + setting + ", where no file is; give auto, none or a path");
    }
    return read(JsonFields.read(file));
  }

  private static GenerationDefaults read(JsonFields json) {
    Map<String, Number> values = new TreeMap<>();
    boolean log = LOGGED.add(json.file().toString());
    boolean sample = json.flagOr("do_sample", false);
    for (String name : SAMPLING) {
      if (json.has(name) && sample) {
        values.put(name, number(json, name));
      } else if (json.has(name) && log) {
        LOG.info("{}: {} is not used, as do_sample is not true", json.file(), name);
      }
    }
    if (sample) {
      values.putIfAbsent("temperature", 1.0);
      values.putIfAbsent("top_k", ABSENT_TOP_K);
    } else if (json.has("do_sample")) {
      values.put("temperature", 0.0);
    }
    if (json.has("repetition_penalty")) {
      values.put("repetition_penalty", json.requirePositive("repetition_penalty"));
    }
    if (json.has("max_new_tokens")) {
      values.put("max_tokens", json.requireCount("max_new_tokens"));
    }
    List<Integer> eos = json.integers("eos_token_id");
    if (log) {
      values.forEach((name, value) -> LOG.info("{} sets {} = {}", json.file(), name, value));
    }
    List<String> ignored = ignored(json);
    if (log && !ignored.isEmpty()) {
      LOG.warn("{}: {} are not read; answers may differ from generate's", json.file(), ignored);
    }
    if (log && !eos.isEmpty()) {
      LOG.info("{} sets eos_token_id = {}", json.file(), eos);
    }
    return new GenerationDefaults(values, eos);
  }

  private static Number number(JsonFields json, String name) {
    // vLLM's way to say that all tokens are kept is -1
    return name.equals("top_k")
        ? (Number) Math.max(0, json.requireInt(name))
        : json.requireNumber(name);
  }

  /** Keys that are set, would decide tokens for all that is known, and are not read. */
  static List<String> ignored(JsonFields json) {
    return json.keys().stream()
        .filter(key -> !UNDERSTOOD.contains(key))
        .filter(key -> json.element(key).filter(set -> !OFF.contains(set.toString())).isPresent())
        .sorted()
        .toList();
  }

  /** The value of an option, if the file sets it. */
  public Optional<Number> value(String option) {
    return Optional.ofNullable(values.get(option));
  }

  /**
   * The ids that end a row: this file's, or those of {@code config.json} if it names none, and the
   * tokenizer's own, which for chat models is often a third.
   */
  public List<Integer> stopTokenIds(List<Integer> modelEosTokenIds, Tokenizer tokenizer) {
    Set<Integer> ids = new LinkedHashSet<>(eosTokenIds.isEmpty() ? modelEosTokenIds : eosTokenIds);
    ids.addAll(tokenizer.eosTokenIds());
    return new ArrayList<>(ids);
  }
}
