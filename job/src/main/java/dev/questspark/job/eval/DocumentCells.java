package dev.questspark.job.eval;

import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;

/**
 * The names of a document's results. The answers under each pair of policies are a cell, so that
 * another pair is measured without those that are there; so is the study of each prefill. What
 * compares all pairs in one go, speed and the selection study, is a cell of its own.
 *
 * @param answers name by pair, in the order of the tables
 * @param prefills name of the study of each prefill that is watched, likewise
 * @param together name of the speed and the selection study; empty where neither is measured
 */
record DocumentCells(
    Map<PolicyPair, String> answers, Map<CachePolicy, String> prefills, Optional<String> together) {

  /**
   * The cells of a document.
   *
   * @param line the document as it stands in {@code suite.jsonl}
   */
  static DocumentCells of(EvalSettings settings, EvalDocument document, String line) {
    EvalSettings.Protocol protocol = settings.protocol();
    boolean timed = protocol.repetitions() > 0;
    boolean watched = settings.watchesQuestion(document);
    String measurement = settings.infer().paramsHash() + " " + timed;
    Map<PolicyPair, String> answers = new LinkedHashMap<>();
    for (PolicyPair pair : settings.pairs()) {
      answers.put(pair, DocumentResultFiles.name(line, measurement + " " + pair.text()));
    }
    Map<CachePolicy, String> prefills = new LinkedHashMap<>();
    for (CachePolicy cache : settings.watchedPrefills(document)) {
      prefills.put(
          cache,
          DocumentResultFiles.name(
              line, settings.infer().paramsHash() + " prefill of " + cache.text()));
    }
    return new DocumentCells(
        answers,
        prefills,
        timed || watched
            ? Optional.of(
                DocumentResultFiles.name(
                    line,
                    measurement
                        + settings.pairs().stream().map(PolicyPair::text).toList()
                        + protocol.repetitions()
                        + " "
                        + watched))
            : Optional.empty());
  }

  /** All names, in the order of the tables. */
  List<String> names() {
    List<String> names = new ArrayList<>(answers.values());
    names.addAll(prefills.values());
    together.ifPresent(names::add);
    return names;
  }

  /** What has no result yet. */
  Missing missing(Predicate<String> finished) {
    Set<PolicyPair> pairs = new LinkedHashSet<>();
    answers.forEach(
        (pair, name) -> {
          if (!finished.test(name)) {
            pairs.add(pair);
          }
        });
    return new Missing(
        pairs,
        prefills.keySet().stream().filter(it -> !finished.test(prefills.get(it))).toList(),
        together.filter(name -> !finished.test(name)).isPresent());
  }

  /**
   * What is to be measured of a document.
   *
   * @param pairs whose answers are missing
   * @param prefills whose study is
   * @param together whether speed and selection study are
   */
  record Missing(Set<PolicyPair> pairs, List<CachePolicy> prefills, boolean together) {
    boolean nothing() {
      return pairs.isEmpty() && prefills.isEmpty() && !together;
    }

    /**
     * The policies to ask under a cache policy: those whose answers are missing, and the reference
     * that other answers are held against.
     */
    List<ReadPolicy> asked(CachePolicy cache, List<ReadPolicy> policies) {
      return policies.stream()
          .map(read -> new PolicyPair(cache, read))
          .filter(pair -> pairs.contains(pair) || pair.reference() && !pairs.isEmpty())
          .map(PolicyPair::read)
          .toList();
    }
  }
}
