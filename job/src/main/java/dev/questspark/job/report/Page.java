package dev.questspark.job.report;

import com.google.gson.JsonObject;
import dev.questspark.job.options.MeasureOptions.Allowed;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The page as one HTML text: no script, no font and no picture from anywhere else. Its plots are
 * specifications that Vega draws, which stands in the page too.
 */
final class Page {
  private static final String PREFILLED_ANEW =
      " Under every cache policy a document is prefilled anew: once for its answers, and where speed is"
          + " measured once per repetition, cache policies in turn.";

  private final Measurements measurements;
  private final Optional<JsonObject> run;
  private final Allowed allowed;

  /**
   * @param run run.json, if the folder has one
   */
  Page(Measurements measurements, Optional<JsonObject> run, Allowed allowed) {
    this.measurements = measurements;
    this.run = run;
    this.allowed = allowed;
  }

  String html() {
    Figures figures = new Figures(measurements);
    StringBuilder html = new StringBuilder();
    html.append("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">")
        .append("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">")
        .append("<meta name=\"color-scheme\" content=\"light dark\">")
        .append("<link rel=\"icon\" href=\"data:,\"><title>Policies compared</title><style>")
        .append(Resource.text("report.css"))
        .append("</style></head><body><main>");
    header(html);
    advice(html, "What was left out", SkippedDocuments.sentences(measurements.quality));
    advice(
        html,
        measurements.comparesCachePolicies() ? "Which policy" : "Which budget",
        Recommendation.sentences(measurements, allowed));
    advice(html, "What divergence does not see", DivergenceAdvice.unseen(measurements));
    legend(html);
    html.append("<noscript><p class=\"note\">The plots need JavaScript; every number stands in the")
        .append(" table below.</p></noscript><section class=\"figures\">");
    for (Figures.Figure figure : figures.all()) {
      figure(html, figure.title(), figure.note(), figure.plot());
    }
    html.append("</section>");
    maps(
        html,
        "Where it finds the needle",
        "Score in percent by prompt length and by the depth at which the answer is hidden (0 % is the beginning).",
        figures.heatmaps());
    maps(
        html,
        "What the tightest budget keeps, layer by layer",
        "Attention mass in percent that stands on kept pages. Layers that keep little are those to leave dense.",
        figures.layerMaps());
    maps(
        html,
        "What the prefill's block lists keep, layer by layer",
        "Attention mass in percent that stands on the key blocks that a document's own rows read, and on their own segment.",
        new CacheFigures(measurements).prefillMaps());
    html.append("<section><h2>Every number</h2><p class=\"note\">Intervals are 95 %: Wilson's for")
        .append(
            " right-or-wrong scores, Student's t otherwise (of the logarithms for tokens per second and")
        .append(" perplexity), none under three values. \"Against dense\" is paired by")
        .append(
            " question, in points. \"Docs/hour\" is one device doing prefill, one batch of questions and their")
        .append(
            " answers; its ceiling is the same with prefill alone, which no budget makes faster.")
        .append(measurements.comparesCachePolicies() ? PREFILLED_ANEW : "")
        .append("</p>")
        .append("<div class=\"scroll\">")
        .append(NumbersTable.html(measurements.summaries))
        .append("</div></section>");
    lengths(html);
    options(html);
    html.append("</main><script>").append(Resource.text("vega.min.js")).append("</script>");
    html.append("<script>").append(Resource.text("plots.js")).append("</script>");
    return html.append("</body></html>\n").toString();
  }

  private void lengths(StringBuilder html) {
    String table = LengthTable.html(measurements);
    if (!table.isEmpty()) {
      html.append("<section><h2>Score by prompt length</h2><p class=\"note\">")
          .append("\"Against dense\" is paired by question, in points.</p><div class=\"scroll\">")
          .append(table)
          .append("</div></section>");
    }
  }

  private void header(StringBuilder html) {
    long documents =
        measurements.quality.stream().map(row -> row.question().docId()).distinct().count();
    int questions =
        measurements.summaries.isEmpty() ? 0 : measurements.summaries.get(0).questions();
    int repetitions =
        measurements.summaries.stream().mapToInt(PolicySummary::repetitions).max().orElse(0);
    String suite =
        measurements.quality.isEmpty() ? "corpus" : measurements.quality.get(0).question().suite();
    html.append("<header><h1>Policies compared</h1><p class=\"lead\">")
        .append(Format.html(lead(suite)))
        .append("</p><dl class=\"tiles\">");
    tile(html, String.valueOf(documents), measurements.diverged() ? "windows" : "documents");
    if (!measurements.diverged()) {
      tile(html, String.valueOf(questions), "questions per policy");
    }
    tile(html, String.valueOf(measurements.summaries.size()), "policies");
    if (measurements.comparesCachePolicies()) {
      tile(html, String.valueOf(measurements.cachePolicies().size()), "cache policies");
    }
    tile(html, repetitions == 0 ? "–" : String.valueOf(repetitions), "speed repetitions");
    run.ifPresent(
        facts -> tile(html, Format.number(startUp(facts)) + " s", "engine start-up, apart"));
    html.append("</dl></header>");
  }

  private String lead(String suite) {
    String machine = run.flatMap(Page::backend).map(backend -> " on " + backend).orElse("");
    String when =
        run.map(
                facts ->
                    ", " + facts.get("started_at").getAsString().replaceFirst("[.][0-9]+Z$", "Z"))
            .orElse("");
    return "Suite " + suite + machine + when + ".";
  }

  private static Optional<String> backend(JsonObject facts) {
    return facts.getAsJsonObject("engines").entrySet().stream()
        .map(engine -> engine.getValue().getAsJsonObject().get("backend").getAsString())
        .findFirst();
  }

  private static double startUp(JsonObject facts) {
    return facts.getAsJsonObject("engines").entrySet().stream()
        .map(engine -> engine.getValue().getAsJsonObject())
        .mapToDouble(
            engine ->
                engine.get("model_load_s").getAsDouble() + engine.get("warmup_s").getAsDouble())
        .max()
        .orElse(0);
  }

  private static void tile(StringBuilder html, String value, String label) {
    html.append("<div><dd>").append(value).append("</dd><dt>").append(label).append("</dt></div>");
  }

  private static void advice(StringBuilder html, String title, List<String> sentences) {
    if (!sentences.isEmpty()) {
      html.append("<section class=\"advice\"><h2>").append(Format.html(title)).append("</h2><ul>");
      sentences.forEach(
          sentence -> html.append("<li>").append(Format.html(sentence)).append("</li>"));
      html.append("</ul></section>");
    }
  }

  private void legend(StringBuilder html) {
    html.append("<ul class=\"legend\">");
    List<String> families = measurements.families();
    for (int i = 0; i < families.size(); i++) {
      html.append("<li><i class=\"chip c")
          .append(Figures.colour(i))
          .append("\"></i>")
          .append(Format.html(families.get(i)))
          .append("</li>");
    }
    if (measurements.timed()) {
      for (String part : new String[] {"prefill", "question", "decode"}) {
        html.append("<li class=\"partname\"><i class=\"chip part ")
            .append(part)
            .append("\"></i>")
            .append(part)
            .append("</li>");
      }
    }
    html.append("</ul>");
  }

  private static void figure(StringBuilder html, String title, String note, Plot plot) {
    html.append("<figure><figcaption><h2>")
        .append(Format.html(title))
        .append("</h2><p class=\"note\">")
        .append(Format.html(note))
        .append("</p></figcaption>")
        .append(element(plot))
        .append("</figure>");
  }

  private static String element(Plot plot) {
    return "<div class=\"plot\"><script type=\"application/json\">"
        + plot.json()
        + "</script><div></div></div>";
  }

  private static void maps(StringBuilder html, String title, String note, Map<String, Plot> maps) {
    if (maps.isEmpty()) {
      return;
    }
    html.append("<section><h2>")
        .append(Format.html(title))
        .append("</h2><p class=\"note\">")
        .append(Format.html(note))
        .append("</p><div class=\"maps\">");
    maps.forEach(
        (name, plot) ->
            html.append("<figure><figcaption><h3>")
                .append(Format.html(name))
                .append("</h3></figcaption>")
                .append(element(plot))
                .append("</figure>"));
    html.append("</div></section>");
  }

  private void options(StringBuilder html) {
    if (run.isEmpty()) {
      return;
    }
    JsonObject facts = run.get();
    html.append(
        "<section><h2>How it was run</h2><div class=\"scroll\"><table class=\"options\"><tbody>");
    for (String fact :
        new String[] {
          "run_id",
          "started_at",
          "app_version",
          "spark_version",
          "java_version",
          "model_fingerprint",
          "params_hash"
        }) {
      option(html, fact, facts.get(fact).getAsString(), "");
    }
    facts
        .getAsJsonObject("options")
        .entrySet()
        .forEach(
            entry -> {
              JsonObject option = entry.getValue().getAsJsonObject();
              if (!option.get("value").isJsonNull()) {
                option(
                    html,
                    entry.getKey(),
                    option.get("value").getAsString(),
                    option.get("from").getAsString());
              }
            });
    html.append("</tbody></table></div></section>");
  }

  private static void option(StringBuilder html, String name, String value, String origin) {
    html.append("<tr><th>")
        .append(Format.html(name))
        .append("</th><td>")
        .append(Format.html(value))
        .append("</td><td>")
        .append(Format.html(origin))
        .append("</td></tr>");
  }
}
