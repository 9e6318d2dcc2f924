package dev.questspark.job.progress;

import dev.questspark.job.answer.PolicyColumns;
import dev.questspark.job.output.PolicyStats;
import java.util.ArrayList;
import java.util.List;

/** The table at the end: one line per policy. */
public final class ResultTable {
  /** The two policies; numbers follow, which end where their column ends. */
  private static final int TEXT_COLUMNS = 2;

  private ResultTable() {}

  /** Plain text, columns aligned, ending with a line break. */
  public static String of(List<PolicyStats> stats) {
    List<List<String>> lines = new ArrayList<>();
    lines.add(
        List.of(
            PolicyColumns.POLICY,
            PolicyColumns.CACHE_POLICY,
            PolicyColumns.KV_BUDGET,
            "documents",
            "questions",
            "errors",
            "accuracy",
            "prefill tok/s",
            "decode tok/s",
            "KV read"));
    for (PolicyStats policy : stats) {
      lines.add(
          List.of(
              policy.columns().policy(),
              policy.columns().cachePolicy(),
              policy.columns().kvBudget() == null
                  ? "-"
                  : String.valueOf(policy.columns().kvBudget()),
              String.valueOf(policy.documents()),
              String.valueOf(policy.rows()),
              String.valueOf(policy.failed()),
              Quantities.percent(policy.accuracy()),
              Quantities.rate(policy.prefillThroughput()),
              Quantities.rate(policy.decodeThroughput()),
              Quantities.percent(policy.kvReadShare())));
    }
    return aligned(lines, TEXT_COLUMNS);
  }

  /**
   * Lines of as many cells each, the first with the names of the columns.
   *
   * @param textColumns first ones, which begin where their column begins; numbers end together
   */
  public static String aligned(List<List<String>> lines, int textColumns) {
    int columns = lines.get(0).size();
    int[] widths = new int[columns];
    for (List<String> line : lines) {
      for (int i = 0; i < columns; i++) {
        widths[i] = Math.max(widths[i], line.get(i).length());
      }
    }
    StringBuilder table = new StringBuilder();
    for (List<String> line : lines) {
      for (int i = 0; i < columns; i++) {
        String padding = " ".repeat(widths[i] - line.get(i).length());
        table.append(i == 0 ? "" : "  ");
        table.append(i < textColumns ? line.get(i) + padding : padding + line.get(i));
      }
      table.append('\n');
    }
    return table.toString();
  }
}
