package dev.questspark.job.report;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.job.eval.QualityRow;
import dev.questspark.job.eval.SelectionRow;
import dev.questspark.job.eval.SpeedRow;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The page in a real browser (Debian's chromium): it asks the network for nothing, says nothing on
 * the console, and every plot has a size on the screen. Runs with {@code -P browser}.
 */
@Tag("browser")
class ReportInBrowserTest {
  private static final int WIDTH = 1280;
  private static final int HEIGHT = 2400;

  @TempDir Path folder;

  @Test
  void loadsAloneAndShowsEveryPlot() throws Exception {
    Path page = folder.resolve("report.html");
    // the page itself has no script; this one is the test's eye
    String eye =
        "<script>addEventListener('load',()=>{const b=[...document.querySelectorAll('svg')].map(s=>{const"
            + " r=s.getBoundingClientRect();return Math.round(r.width)+'x'+Math.round(r.height)});"
            + "document.title='plots '+b.join(' ')+' requests '+performance.getEntriesByType('resource').length"
            + "+' overflow '+(document.documentElement.scrollWidth>innerWidth)})</script>";
    Files.writeString(page, html().replace("</body>", eye + "</body>"));

    Ended dom = chromium("--dump-dom", page);
    assertThat(dom.log).as("console and network").doesNotContain("CONSOLE", "ERR_", "net_error");
    var title =
        Pattern.compile("<title>plots (.*) requests (\\d+) overflow (\\w+)</title>")
            .matcher(dom.out);
    assertThat(title.find()).as(dom.out.substring(0, Math.min(400, dom.out.length()))).isTrue();
    String[] sizes = title.group(1).split(" ");
    assertThat(sizes).hasSize(8 + 3 + 2); // figures, needle pictures, layer pictures
    assertThat(sizes)
        .allSatisfy(
            size -> {
              String[] sides = size.split("x");
              assertThat(Integer.parseInt(sides[0])).as(size).isGreaterThan(100);
              assertThat(Integer.parseInt(sides[1])).as(size).isGreaterThan(40);
            });
    assertThat(title.group(2)).as("requests").isEqualTo("0");
    assertThat(title.group(3)).as("wider than the window").isEqualTo("false");
  }

  @Test
  void aScreenshotHasInkInEveryPart() throws Exception {
    Path page = folder.resolve("report.html");
    Files.writeString(page, html());
    Path picture = folder.resolve("page.png");
    chromium("--screenshot=" + picture, page);
    var image = ImageIO.read(picture.toFile());
    assertThat(image.getWidth()).isEqualTo(WIDTH);
    for (int band = 0; band < 5; band++) {
      var colours = new java.util.HashSet<Integer>();
      for (int y = band * 300; y < band * 300 + 300; y++) {
        for (int x = 0; x < WIDTH; x++) {
          colours.add(image.getRGB(x, y));
        }
      }
      assertThat(colours).as("band %d", band).hasSizeGreaterThan(40);
    }
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

  /** A page with every kind of figure. */
  private static String html() {
    List<QualityRow> quality = new ArrayList<>();
    List<SpeedRow> speed = new ArrayList<>();
    for (String policy : List.of("all -1", "quest 256", "sink_recent 256")) {
      String selector = policy.split(" ")[0];
      int budget = Integer.parseInt(policy.split(" ")[1]);
      for (int i = 0; i < 12; i++) {
        quality.add(MeasuredRows.quality(selector, budget, i));
        speed.add(MeasuredRows.speed(selector, budget, i));
      }
    }
    List<SelectionRow> selection = new ArrayList<>();
    for (String selector : List.of("quest", "sink_recent")) {
      for (int layer = 0; layer < 28; layer++) {
        for (int head = 0; head < 32; head++) {
          selection.add(MeasuredRows.selection(selector, layer, head));
        }
      }
    }
    return new Page(new Measurements(quality, speed, selection), Optional.empty(), 0.01).html();
  }
}
