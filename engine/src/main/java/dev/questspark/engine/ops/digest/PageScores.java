package dev.questspark.engine.ops.digest;

import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/** The registry of page scores: one line each. */
public final class PageScores {
  public static final PageScore MINMAX = new MinMax();
  public static final PageScore MEANSTD = new MeanStd();

  /** Every score, by its {@link PageScore#code}. */
  public static final List<PageScore> KNOWN = List.of(MINMAX, MEANSTD);

  /** The name of the score where no other is named. */
  public static final String DEFAULT = MeanStd.NAME;

  private PageScores() {}

  /** The score of a name, whatever the case of its letters. */
  public static Optional<PageScore> find(String name) {
    return KNOWN.stream().filter(score -> score.name().equalsIgnoreCase(name)).findFirst();
  }

  /** The same scores, each once, in the order of the registry. */
  public static SortedSet<PageScore> sorted(Collection<PageScore> scores) {
    SortedSet<PageScore> sorted = new TreeSet<>(Comparator.comparingInt(PageScore::code));
    sorted.addAll(scores);
    return sorted;
  }

  /** An empty map whose keys stand in the order of the registry. */
  public static <V> SortedMap<PageScore, V> map() {
    return new TreeMap<>(Comparator.comparingInt(PageScore::code));
  }
}
