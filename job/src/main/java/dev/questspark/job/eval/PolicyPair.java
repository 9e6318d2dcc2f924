package dev.questspark.job.eval;

import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.job.answer.PolicyColumns;

/**
 * What is measured: a question's policy on a document under a cache policy.
 *
 * @param cache how the document is prefilled and kept
 * @param read what the question's steps read
 */
record PolicyPair(CachePolicy cache, ReadPolicy read) {
  /** What everything is compared with: all of the document computed, kept and read. */
  boolean reference() {
    return cache.equals(CachePolicy.NONE) && read.dense();
  }

  PolicyColumns columns() {
    return PolicyColumns.of(read, cache);
  }

  /** Both canonical texts. */
  String text() {
    return cache.text() + " | " + read.text();
  }
}
