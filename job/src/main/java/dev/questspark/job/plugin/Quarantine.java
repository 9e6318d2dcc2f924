package dev.questspark.job.plugin;

import dev.questspark.job.executor.Admission.Verdict;
import dev.questspark.job.executor.ExecutorDeath;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The driver's books on documents in flight, by executor. Those in flight when an executor's
 * process ended by itself are suspects, to be computed one at a time; a suspect that is alone in
 * flight at another such death is what ends executors, and is computed no more.
 */
final class Quarantine {
  private static final Logger LOG = LoggerFactory.getLogger(Quarantine.class);

  private final Map<String, Set<Long>> inFlight = new HashMap<>();
  private final Set<Long> suspects = new HashSet<>();
  private final Set<Long> quarantined = new HashSet<>();

  /** What becomes of a document that an executor is about to compute. */
  synchronized Verdict begins(String executorId, long key, boolean alone) {
    if (quarantined.contains(key)) {
      return Verdict.QUARANTINED;
    }
    if (suspects.contains(key) && !alone) {
      return Verdict.ALONE;
    }
    inFlight.computeIfAbsent(executorId, none -> new HashSet<>()).add(key);
    return Verdict.IN;
  }

  /** The document is answered: whatever ended an executor, it was another. */
  synchronized void ended(String executorId, long key) {
    inFlight.getOrDefault(executorId, new HashSet<>()).remove(key);
    suspects.remove(key);
  }

  /** An executor is gone. */
  synchronized void lost(String executorId, ExecutorDeath death) {
    Set<Long> documents = inFlight.remove(executorId);
    if (documents == null || documents.isEmpty() || !death.byItself()) {
      return;
    }
    if (documents.size() == 1 && suspects.containsAll(documents)) {
      LOG.warn("a document has ended two executors and is computed no more: {}", documents);
      quarantined.addAll(documents);
      suspects.removeAll(documents);
    } else {
      suspects.addAll(documents);
    }
  }
}
