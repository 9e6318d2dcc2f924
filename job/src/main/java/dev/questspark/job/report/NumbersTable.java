package dev.questspark.job.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.DoubleFunction;
import java.util.function.Function;

/** Every number of {@code stats/}, as an HTML table and, in part, as text for the console. */
final class NumbersTable {
  private static final List<Column> COLUMNS =
      List.of(
          new Column("score", "score", PolicySummary::score, Format::percent, true),
          new Column("score_low", "from", PolicySummary::scoreLow, Format::percent, false),
          new Column("score_high", "to", PolicySummary::scoreHigh, Format::percent, false),
          new Column(
              "score_minus_dense",
              "against dense",
              PolicySummary::scoreMinusDense,
              Format::points,
              true),
          new Column(
              "score_minus_dense_low",
              "from",
              PolicySummary::scoreMinusDenseLow,
              Format::points,
              false),
          new Column(
              "score_minus_dense_high",
              "to",
              PolicySummary::scoreMinusDenseHigh,
              Format::points,
              false),
          new Column(
              "text_agreement", "same text", PolicySummary::textAgreement, Format::percent, false),
          new Column(
              "token_agreement",
              "same tokens",
              PolicySummary::tokenAgreement,
              Format::percent,
              false),
          new Column(
              "perplexity", "perplexity", PolicySummary::perplexity, NumbersTable::fine, true),
          new Column(
              "perplexity_low", "from", PolicySummary::perplexityLow, NumbersTable::fine, false),
          new Column(
              "perplexity_high", "to", PolicySummary::perplexityHigh, NumbersTable::fine, false),
          new Column(
              "perplexity_over_dense",
              "over dense",
              PolicySummary::perplexityOverDense,
              NumbersTable::fine,
              true),
          new Column(
              "perplexity_over_dense_low",
              "from",
              PolicySummary::perplexityOverDenseLow,
              NumbersTable::fine,
              false),
          new Column(
              "perplexity_over_dense_high",
              "to",
              PolicySummary::perplexityOverDenseHigh,
              NumbersTable::fine,
              false),
          new Column("kv_read_share", "KV read", PolicySummary::kvReadShare, Format::percent, true),
          new Column(
              "attention_mass",
              "attention mass",
              PolicySummary::attentionMass,
              Format::percent,
              true),
          new Column(
              "attention_mass_low",
              "from",
              PolicySummary::attentionMassLow,
              Format::percent,
              false),
          new Column(
              "attention_mass_high",
              "to",
              PolicySummary::attentionMassHigh,
              Format::percent,
              false),
          new Column(
              "top_token_recall",
              "top-10 recall",
              PolicySummary::topTokenRecall,
              Format::percent,
              false),
          new Column(
              "decode_throughput",
              "decode tok/s",
              PolicySummary::decodeThroughput,
              Format::number,
              true),
          new Column(
              "decode_throughput_low",
              "from",
              PolicySummary::decodeThroughputLow,
              Format::number,
              false),
          new Column(
              "decode_throughput_high",
              "to",
              PolicySummary::decodeThroughputHigh,
              Format::number,
              false),
          new Column(
              "decode_speedup", "decode x", PolicySummary::decodeSpeedup, Format::number, true),
          new Column("tpot_ms", "ms per token", PolicySummary::tpotMs, Format::number, false),
          new Column(
              "prefill_throughput",
              "prefill tok/s",
              PolicySummary::prefillThroughput,
              Format::number,
              false),
          new Column(
              "question_throughput",
              "question tok/s",
              PolicySummary::questionThroughput,
              Format::number,
              false),
          new Column(
              "documents_per_hour",
              "docs/hour",
              PolicySummary::documentsPerHour,
              Format::number,
              true),
          new Column(
              "documents_per_hour_ceiling",
              "its ceiling",
              PolicySummary::documentsPerHourCeiling,
              Format::number,
              false),
          new Column(
              "end_to_end_speedup",
              "end to end x",
              PolicySummary::endToEndSpeedup,
              Format::number,
              true),
          new Column(
              "device_hours_per_billion_tokens",
              "device hours per 1B tokens",
              PolicySummary::deviceHoursPerBillionTokens,
              Format::number,
              false));

  private NumbersTable() {}

  /**
   * @param name of the column in {@code stats/}
   * @param inConsole whether the console shows it
   */
  private record Column(
      String name,
      String title,
      Function<PolicySummary, Double> value,
      DoubleFunction<String> text,
      boolean inConsole) {}

  private static String fine(double value) {
    return String.format(Locale.ROOT, "%.3f", value);
  }

  private static List<Column> known(List<PolicySummary> summaries) {
    return COLUMNS.stream()
        .filter(column -> summaries.stream().anyMatch(row -> column.value().apply(row) != null))
        .toList();
  }

  /** A table row per policy; each cell carries its column's name and the unrounded value. */
  static String html(List<PolicySummary> summaries) {
    List<Column> columns = known(summaries);
    StringBuilder html = new StringBuilder("<table id=\"numbers\"><thead><tr><th>policy</th>");
    html.append("<th>budget</th><th>questions</th><th>errors</th><th>repetitions</th>");
    columns.forEach(
        column -> html.append("<th>").append(Format.html(column.title())).append("</th>"));
    html.append("</tr></thead><tbody>");
    for (PolicySummary row : summaries) {
      html.append("<tr data-selector=\"")
          .append(row.selector())
          .append("\" data-kv-budget=\"")
          .append(row.kvBudget())
          .append("\" data-page-score=\"")
          .append(row.pageScore())
          .append("\" data-sparse-skip-layers=\"")
          .append(row.sparseSkipLayers())
          .append("\"><th>")
          .append(Format.html(row.policy().family()))
          .append("</th><td>")
          .append(row.policy().budget())
          .append("</td><td>")
          .append(row.questions())
          .append("</td><td>")
          .append(row.errors())
          .append("</td><td>")
          .append(row.repetitions())
          .append("</td>");
      for (Column column : columns) {
        Double value = column.value().apply(row);
        html.append("<td data-column=\"")
            .append(column.name())
            .append(value == null ? "\">–" : "\" data-value=\"" + value + "\">")
            .append(value == null ? "" : Format.html(column.text().apply(value)))
            .append("</td>");
      }
      html.append("</tr>");
    }
    return html.append("</tbody></table>").toString();
  }

  /** The main columns, aligned, ending with a line break. */
  static String text(List<PolicySummary> summaries) {
    List<Column> columns = known(summaries).stream().filter(Column::inConsole).toList();
    List<List<String>> lines = new ArrayList<>();
    List<String> header = new ArrayList<>(List.of("policy", "kv_budget", "questions", "errors"));
    columns.forEach(column -> header.add(column.title()));
    lines.add(header);
    for (PolicySummary row : summaries) {
      List<String> line =
          new ArrayList<>(
              List.of(
                  row.policy().family(),
                  row.policy().budget(),
                  String.valueOf(row.questions()),
                  String.valueOf(row.errors())));
      for (Column column : columns) {
        Double value = column.value().apply(row);
        line.add(value == null ? "-" : column.text().apply(value));
      }
      lines.add(line);
    }
    return aligned(lines);
  }

  private static String aligned(List<List<String>> lines) {
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
