package dev.questspark.job.options;

import static dev.questspark.job.options.Aspect.ANSWER_LENGTH;
import static dev.questspark.job.options.Aspect.ASKING;
import static dev.questspark.job.options.Aspect.HIDDEN_FACTS;
import static dev.questspark.job.options.Aspect.INPUT;
import static dev.questspark.job.options.Aspect.LENGTHS;
import static dev.questspark.job.options.Aspect.QUESTIONS;
import static dev.questspark.job.options.Aspect.SEED;
import static dev.questspark.job.options.Aspect.STUDY;
import static dev.questspark.job.options.Aspect.TEMPLATE;
import static dev.questspark.job.options.Aspect.TEXTS;
import static dev.questspark.job.options.Aspect.WINDOWS;

import java.util.List;
import java.util.Locale;
import java.util.Set;

/** {@code suite}: what a measurement asks, and which aspects of the options it reads. */
public enum Suite {
  /** The input's own documents and questions. */
  CORPUS(INPUT, TEXTS, QUESTIONS, TEMPLATE, ANSWER_LENGTH, ASKING, STUDY),
  PASSKEY(LENGTHS, HIDDEN_FACTS, SEED, ASKING, STUDY),
  PASSKEY_FACTS(LENGTHS, HIDDEN_FACTS, SEED, TEMPLATE, ASKING, STUDY),
  NEEDLE(INPUT, TEXTS, LENGTHS, HIDDEN_FACTS, SEED, TEMPLATE, ANSWER_LENGTH, ASKING, STUDY),
  MULTIKEY(INPUT, TEXTS, LENGTHS, HIDDEN_FACTS, SEED, ASKING, STUDY),
  MULTIKEY_FACTS(INPUT, TEXTS, LENGTHS, HIDDEN_FACTS, SEED, TEMPLATE, ANSWER_LENGTH, ASKING, STUDY),
  VARIABLE_TRACKING(INPUT, TEXTS, LENGTHS, HIDDEN_FACTS, SEED, ASKING, STUDY),
  LONGBENCH(INPUT, ASKING, STUDY),
  KVPRESS(INPUT, ASKING, STUDY),
  PERPLEXITY(INPUT, TEXTS, LENGTHS, TEMPLATE),
  DIVERGENCE(INPUT, TEXTS, WINDOWS, SEED, STUDY),
  /** The same windows with one KV head at a time streaming: which heads need a whole document. */
  CALIBRATION(INPUT, TEXTS, WINDOWS, SEED);

  /** Those that a sweep can measure: they take the input's documents as they are. */
  public static final Set<Suite> SWEPT = Set.of(CORPUS, DIVERGENCE);

  private final Set<Aspect> aspects;

  Suite(Aspect... aspects) {
    this.aspects = Set.copyOf(List.of(aspects));
  }

  /**
   * Whether the suite reads options of this aspect; which policies, all but one that has its own.
   */
  public boolean reads(Aspect aspect) {
    return aspect == Aspect.POLICIES ? this != CALIBRATION : aspects.contains(aspect);
  }

  /** Whether the suite asks the input's own questions, and does not only read its texts. */
  public boolean asksInput() {
    return reads(QUESTIONS);
  }

  /** As a user writes it. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }
}
