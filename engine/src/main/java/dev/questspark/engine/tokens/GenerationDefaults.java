package dev.questspark.engine.tokens;

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
 * in Hugging Face's generate, temperature and the cuts count only with {@code do_sample}; without
 * it the file means greedy.
 *
 * @param values option name to value: {@code temperature}, {@code top_p}, {@code top_k}, {@code
 *     min_p}, {@code repetition_penalty}, {@code max_tokens}; only what the file sets
 * @param eosTokenIds ids that end a sequence; empty if the file names none
 */
public record GenerationDefaults(Map<String, Number> values, List<Integer> eosTokenIds) {
  private static final Logger LOG = LoggerFactory.getLogger(GenerationDefaults.class);
  private static final String FILE = "generation_config.json";

  /** Files whose values have been logged: every task of a job reads them. */
  private static final Set<String> LOGGED = ConcurrentHashMap.newKeySet();

  /** Options that only count when sampling. */
  private static final List<String> SAMPLING = List.of("temperature", "top_p", "top_k", "min_p");

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
      return new GenerationDefaults(Map.of(), List.of());
    }
    boolean auto = setting.equals("auto");
    Path named = auto ? modelFolder.resolve(FILE) : Path.of(setting);
    Path file = Files.isDirectory(named) ? named.resolve(FILE) : named;
    if (!Files.isRegularFile(file)) {
      if (auto) {
        return new GenerationDefaults(Map.of(), List.of());
      }
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
    if (log && !eos.isEmpty()) {
      LOG.info("{} sets eos_token_id = {}", json.file(), eos);
    }
    return new GenerationDefaults(values, eos);
  }

  private static Number number(JsonFields json, String name) {
    return name.equals("top_k") ? (Number) json.requireInt(name) : json.requireNumber(name);
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
