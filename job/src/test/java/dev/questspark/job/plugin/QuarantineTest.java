package dev.questspark.job.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.job.executor.Admission.Verdict;
import dev.questspark.job.executor.ExecutorDeath;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** Who is to blame for an executor's death. */
class QuarantineTest {
  private static final ExecutorDeath ABORT = new ExecutorDeath("Command exited with code 134");
  private static final ExecutorDeath KILLED = new ExecutorDeath("Command exited with code 137");

  private final Quarantine books = new Quarantine();

  private List<Verdict> together(String executor, long... keys) {
    return LongStream.of(keys).mapToObj(key -> books.begins(executor, key, false)).toList();
  }

  @Test
  void whoIsAloneAtASecondDeathIsQuarantined() {
    assertThat(together("1", 10, 11, 12)).containsOnly(Verdict.IN);
    books.ended("1", 10);
    books.lost("1", ABORT);
    assertThat(together("2", 10, 11, 12, 13))
        .containsExactly(Verdict.IN, Verdict.ALONE, Verdict.ALONE, Verdict.IN);
    books.ended("2", 10);
    books.ended("2", 13);
    assertThat(books.begins("2", 11, true)).isEqualTo(Verdict.IN);
    books.ended("2", 11);
    assertThat(books.begins("2", 12, true)).isEqualTo(Verdict.IN);
    books.lost("2", ABORT);
    assertThat(together("3", 11, 12)).containsExactly(Verdict.IN, Verdict.QUARANTINED);
    assertThat(books.begins("3", 12, true)).isEqualTo(Verdict.QUARANTINED);
  }

  @Test
  void aDeathWithOthersInFlightAndAKillFromOutsideBlameNobody() {
    together("1", 10);
    books.lost("1", ABORT); // alone, but the first
    assertThat(books.begins("2", 10, true)).isEqualTo(Verdict.IN);
    books.lost("2", KILLED);
    assertThat(books.begins("3", 10, true)).isEqualTo(Verdict.IN);
    assertThat(together("4", 11, 12)).containsOnly(Verdict.IN);
    books.lost("4", ABORT);
    assertThat(together("3", 11, 12)).containsOnly(Verdict.ALONE);
    books.lost("3", new ExecutorDeath("worker lost"));
    assertThat(books.begins("5", 10, true)).isEqualTo(Verdict.IN);
  }

  /** Poison among healthy documents on three executors, killed from outside now and then. */
  @Test
  void nobodyHealthyIsEverQuarantined() {
    for (int seed = 0; seed < 200; seed++) {
      Random random = new Random(seed);
      Quarantine all = new Quarantine();
      Set<Long> poison = Set.of(3L, 17L, 18L);
      Set<Long> left = new HashSet<>(LongStream.range(0, 30).boxed().toList());
      Set<Long> refused = new HashSet<>();
      int executor = 0;
      int deaths = 0;
      while (!left.isEmpty() && deaths < 1000) {
        String id = "e" + executor;
        List<Long> wanted = left.stream().sorted().limit(1 + random.nextInt(6)).toList();
        Set<Long> inside = new HashSet<>();
        for (long key : wanted) {
          Verdict verdict = all.begins(id, key, false);
          if (verdict == Verdict.ALONE && inside.isEmpty()) {
            verdict = all.begins(id, key, true);
            if (verdict == Verdict.IN) {
              inside.add(key);
              break;
            }
          }
          if (verdict == Verdict.IN) {
            inside.add(key);
          } else if (verdict == Verdict.QUARANTINED) {
            refused.add(key);
            left.remove(key);
          }
        }
        boolean killed = random.nextInt(10) == 0;
        if (killed || inside.stream().anyMatch(poison::contains)) {
          all.lost(id, killed ? KILLED : ABORT);
          executor++;
          deaths++;
        } else {
          inside.forEach(key -> all.ended(id, key));
          left.removeAll(inside);
        }
      }
      assertThat(refused).as("seed %d", seed).isEqualTo(poison);
    }
  }
}
