package dev.questspark.job.options;

/**
 * What an option tells about the documents and questions of a measurement. An option names at most
 * one aspect; a {@link Suite} names those that it reads.
 */
public enum Aspect {
  /** Where the input lies. */
  INPUT,
  /** How texts are read from the input. */
  TEXTS,
  /** Which questions the input asks. */
  QUESTIONS,
  /** Lengths of generated prompts. */
  LENGTHS,
  /** What a generated document hides, and where. */
  HIDDEN_FACTS,
  /** Which windows of the input's texts are measured. */
  WINDOWS,
  /** What is drawn at random. */
  SEED,
  /** The user's prompt template. */
  TEMPLATE,
  /** How many tokens an answer may have. */
  ANSWER_LENGTH,
  /** How an answer is asked for, whatever the question. */
  ASKING,
  /** Which policies are compared. */
  POLICIES,
  /** How many documents have their attention compared with what a policy reads of it. */
  STUDY
}
