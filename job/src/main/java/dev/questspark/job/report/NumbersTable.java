package dev.questspark.job.report;

import dev.questspark.job.answer.PolicyColumns;
import dev.questspark.job.report.SummaryColumns.Column;
import java.util.ArrayList;
import java.util.List;

/** Every number of {@code stats/}, as an HTML table and, in part, as text for the console. */
final class NumbersTable {
  private NumbersTable() {}

  /** What people see of the columns, those without any number aside. */
  private static List<Column> known(List<PolicySummary> summaries) {
    return SummaryColumns.ALL.stream()
        .filter(column -> column.shown().isPresent())
        .filter(column -> summaries.stream().anyMatch(row -> column.value().apply(row) != null))
        .toList();
  }

  /** A table row per policy; each cell carries its column's name and the unrounded value. */
  static String html(List<PolicySummary> summaries) {
    List<Column> columns = known(summaries);
    StringBuilder html = new StringBuilder("<table id=\"numbers\"><thead><tr><th>policy</th>");
    html.append("<th>cache_policy</th><th>kv_budget</th>");
    columns.forEach(
        column -> html.append("<th>").append(Format.html(title(column))).append("</th>"));
    html.append("</tr></thead><tbody>");
    for (PolicySummary row : summaries) {
      html.append("<tr data-policy=\"")
          .append(Format.html(row.policy().text()))
          .append("\"><th title=\"")
          .append(Format.html(row.policy().label()))
          .append("\">")
          .append(Format.html(row.policy().text()))
          .append("</th><td>")
          .append(Format.html(row.policy().cachePolicy()))
          .append("</td><td>")
          .append(shownBudget(row.policy()))
          .append("</td>");
      for (Column column : columns) {
        Object value = column.value().apply(row);
        html.append("<td data-column=\"")
            .append(column.name())
            .append(value == null ? "\">–" : "\" data-value=\"" + value + "\">")
            .append(Format.html(column.text(row).orElse("")))
            .append("</td>");
      }
      html.append("</tr>");
    }
    return html.append("</tbody></table>").toString();
  }

  /** The main columns, aligned, ending with a line break. */
  static String text(List<PolicySummary> summaries) {
    List<Column> columns =
        known(summaries).stream()
            .filter(column -> column.shown().orElseThrow().inConsole())
            .toList();
    List<List<String>> lines = new ArrayList<>();
    List<String> header =
        new ArrayList<>(
            List.of(PolicyColumns.POLICY, PolicyColumns.CACHE_POLICY, PolicyColumns.KV_BUDGET));
    columns.forEach(column -> header.add(title(column)));
    lines.add(header);
    for (PolicySummary row : summaries) {
      List<String> line =
          new ArrayList<>(
              List.of(row.policy().text(), row.policy().cachePolicy(), shownBudget(row.policy())));
      columns.forEach(column -> line.add(column.text(row).orElse("-")));
      lines.add(line);
    }
    return aligned(lines);
  }

  private static String shownBudget(Policy policy) {
    return policy.kvBudget() == null ? "-" : String.valueOf(policy.kvBudget());
  }

  private static String title(Column column) {
    return column.shown().orElseThrow().title();
  }

  static String aligned(List<List<String>> lines) {
    int[] widths = new int[lines.get(0).size()];
    for (List<String> line : lines) {
      for (int i = 0; i < widths.length; i++) {
        widths[i] = Math.max(widths[i], line.get(i).length());
      }
    }
    StringBuilder table = new StringBuilder();
    for (List<String> line : lines) {
      for (int i = 0; i < widths.length; i++) {
        String padding = " ".repeat(widths[i] - line.get(i).length());
        table.append(i == 0 ? line.get(i) + padding : "  " + padding + line.get(i));
      }
      table.append('\n');
    }
    return table.toString();
  }
}
