package dev.questspark.job.report;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.GsonBuilder;
import com.google.gson.JsonDeserializer;
import dev.questspark.job.options.MeasureOptions.Allowed;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The page in a real browser (Debian's chromium): it asks the network for nothing, says nothing on
 * the console, and draws everything that its plots were given. Lane {@code browser}.
 */
@Tag("browser")
class ReportInBrowserTest {
  private static final int WIDTH = 1280;
  private static final int HEIGHT = 2400;

  /** Pixels of a label's line that hold no ink. */
  private static final double LEADING = 2;

  /** Tells what the browser shows once it has drawn, as the text of an element of its own. */
  private static final String EYE =
      """
      <pre id="eye"></pre><script>setTimeout(() => {
        const box = it => { const r = it.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; };
        const plots = [...document.querySelectorAll('.plot')].map(plot => {
          const spec = JSON.parse(plot.querySelector('script').textContent);
          const rows = name => (spec.data.find(data => data.name == name) || {values: []}).values;
          const boxes = mark => [...plot.querySelectorAll('.' + mark + ' > *')].map(box);
          const labels = [...plot.querySelectorAll('.labels text')].filter(it => it.textContent && it.getAttribute('opacity') != '0');
          return {
            name: spec.description,
            frame: box(plot.querySelector('svg')),
            marks: {
              dots: {given: rows('points').length, boxes: boxes('dots')},
              whiskers: {given: [...rows('points').map(row => row.y), ...rows('parts').map(row => row.interval || {})].filter(it => it.high > it.low).length, boxes: boxes('whiskers')},
              levels: {given: rows('levels').length, boxes: boxes('levelRules')},
              bars: {given: rows('parts').length, boxes: boxes('bars')},
              tiles: {given: rows('cells').length, boxes: boxes('tiles')}},
            tips: [...rows('levels'), ...rows('points'), ...rows('parts'), ...rows('cells')].map(row => row.tip),
            described: [...plot.querySelectorAll('.levelRules > *, .dots > *, .bars > *, .tiles > *')].map(it => it.getAttribute('aria-label')),
            wanted: rows('points').map(row => row.label).filter(label => label),
            labels: labels.map(it => ({text: it.textContent, box: box(it)}))};
        });
        document.getElementById('eye').textContent = JSON.stringify({
          plots,
          requests: performance.getEntriesByType('resource').length,
          overflow: document.documentElement.scrollWidth > innerWidth}).replaceAll('<', ' ');
      }, 1000)</script></body>""";

  private static final Pattern SEEN = Pattern.compile("<pre id=\"eye\">([^<]+)</pre>");

  @TempDir Path folder;

  /** What the browser shows of a page. */
  private record Seen(List<SeenPlot> plots, int requests, boolean overflow) {}

  /**
   * A plot.
   *
   * @param tips of the marks that it was given
   * @param described what a screen reader is told of the marks
   * @param wanted the labels that it was given
   */
  private record SeenPlot(
      String name,
      Box frame,
      Map<String, Marks> marks,
      List<String> tips,
      List<String> described,
      List<String> wanted,
      List<Label> labels) {}

  /**
   * Marks of one kind.
   *
   * @param given how many the plot was given
   */
  private record Marks(int given, List<Box> boxes) {}

  private record Label(String text, Box box) {}

  /** In pixels of the page. */
  private record Box(double left, double top, double right, double bottom) {
    /** Whether the texts in two boxes touch; a line is higher than its digits. */
    boolean meets(Box other) {
      return left < other.right
          && other.left < right
          && top + LEADING < other.bottom
          && other.top + LEADING < bottom;
    }

    boolean inside(Box frame) {
      return left >= frame.left - 1
          && top >= frame.top - 1
          && right <= frame.right + 1
          && bottom <= frame.bottom + 1;
    }
  }

  private Seen look(Measurements measurements) throws IOException, InterruptedException {
    Path page = folder.resolve("report.html");
    String html = html(measurements);
    int end = html.lastIndexOf("</body>");
    Files.writeString(page, html.substring(0, end) + EYE + html.substring(end + 7));
    Ended dom = chromium("--dump-dom", page);
    assertThat(dom.log).as("console and network").doesNotContain("CONSOLE", "ERR_", "net_error");
    Matcher seen = SEEN.matcher(dom.out);
    assertThat(seen.find()).as("the eye's text").isTrue();
    return new GsonBuilder()
        .registerTypeAdapter(
            Box.class,
            (JsonDeserializer<Box>)
                (json, type, context) -> {
                  double[] sides = context.deserialize(json, double[].class);
                  return new Box(sides[0], sides[1], sides[2], sides[3]);
                })
        .create()
        .fromJson(seen.group(1).replace("&gt;", ">").replace("&amp;", "&"), Seen.class);
  }

  @Test
  void loadsAloneAndShowsEveryPlot() throws Exception {
    Seen seen = look(MeasuredRows.everyKind());
    assertThat(seen.plots).hasSize(8 + 3 + 2); // figures, needle pictures, layer pictures
    assertThat(seen.plots)
        .allSatisfy(
            plot -> {
              assertThat(plot.frame.right - plot.frame.left).as(plot.name).isGreaterThan(100);
              assertThat(plot.frame.bottom - plot.frame.top).as(plot.name).isGreaterThan(40);
            });
    assertThat(seen.requests).as("requests").isZero();
    assertThat(seen.overflow).as("wider than the window").isFalse();
    assertShown(seen);
  }

  @Test
  void perplexityIsShown() throws Exception {
    Seen seen = look(MeasuredRows.perplexities());
    assertThat(seen.plots).hasSize(2);
    assertShown(seen);
  }

  @Test
  void divergenceIsShownWithItsWarning() throws Exception {
    Seen seen = look(MeasuredRows.windows(5));
    assertThat(seen.plots).hasSize(4); // by budget and by bytes, perplexity over dense, KV read
    assertShown(seen);
    assertThat(html(MeasuredRows.windows(5))).contains("What divergence does not see", "SnapKV");
  }

  @Test
  void labelsOfBudgetsThatAreEquallyFastStandApart() throws Exception {
    Seen seen = look(MeasuredRows.equallyFast(3));
    assertShown(seen);
    List<SeenPlot> labelled = seen.plots.stream().filter(it -> !it.wanted.isEmpty()).toList();
    assertThat(labelled).hasSize(3);
    for (SeenPlot plot : labelled) {
      assertThat(plot.labels).as(plot.name).extracting(Label::text).isEqualTo(plot.wanted);
      for (Label label : plot.labels) {
        assertThat(label.box)
            .as("%s: %s", plot.name, label.text)
            .matches(it -> it.inside(plot.frame));
        assertThat(plot.labels)
            .as("%s: beside %s", plot.name, label.text)
            .filteredOn(other -> other != label)
            .noneMatch(other -> other.box.meets(label.box));
      }
    }
  }

  /** Every mark that a plot was given stands inside it. */
  private static void assertShown(Seen seen) {
    for (SeenPlot plot : seen.plots) {
      assertThat(plot.marks.values().stream().mapToInt(Marks::given).sum())
          .as(plot.name)
          .isPositive();
      assertThat(plot.described).as(plot.name).isEqualTo(plot.tips);
      plot.marks.forEach(
          (kind, marks) ->
              assertThat(marks.boxes)
                  .as("%s of %s", kind, plot.name)
                  .hasSize(marks.given)
                  .allMatch(box -> box.inside(plot.frame)));
    }
  }

  @Test
  void aScreenshotHasInkInEveryPart() throws Exception {
    Path page = folder.resolve("report.html");
    Files.writeString(page, html(MeasuredRows.everyKind()));
    Path picture = folder.resolve("page.png");
    chromium("--screenshot=" + picture, page);
    var image = ImageIO.read(picture.toFile());
    assertThat(image.getWidth()).isEqualTo(WIDTH);
    for (int band = 0; band < 5; band++) {
      Set<Integer> colours = new HashSet<>();
      for (int y = band * 300; y < band * 300 + 300; y++) {
        for (int x = 0; x < WIDTH; x++) {
          colours.add(image.getRGB(x, y));
        }
      }
      assertThat(colours).as("band %d", band).hasSizeGreaterThan(40);
    }
  }

  private static String html(Measurements measurements) {
    return new Page(measurements, Optional.empty(), new Allowed(0.01, 0.02)).html();
  }

  private record Ended(String out, String log) {}

  private Ended chromium(String action, Path page) throws IOException, InterruptedException {
    Path out = folder.resolve("out");
    Path log = folder.resolve("log");
    Process process =
        new ProcessBuilder(
                "chromium",
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--hide-scrollbars",
                "--enable-logging=stderr",
                "--virtual-time-budget=4000",
                "--window-size=" + WIDTH + "," + HEIGHT,
                "--user-data-dir=" + folder.resolve("profile"),
                action,
                page.toUri().toString())
            .redirectOutput(out.toFile())
            .redirectError(log.toFile())
            .start();
    assertThat(process.waitFor(2, TimeUnit.MINUTES)).as("chromium ends").isTrue();
    String said = Files.readString(log, StandardCharsets.UTF_8);
    assertThat(process.exitValue()).as(said).isZero();
    return new Ended(Files.readString(out, StandardCharsets.UTF_8), said);
  }
}
