package dev.questspark.job.corpus;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.failure.ErrorCode;
import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Test;

/** Files of every kind that is read: their text and nothing else, or a code. */
class FileTextTest {
  private static final FileText FILES = new FileText(10_000_000, 60);
  private static final String FIRST =
      "The first paragraph is long enough to need several lines of a page, because every line of"
          + " it holds eighty characters at most, and this sentence has more than that.";
  private static final String SECOND = "The gate code of the silver otter is 41234.";

  private static String text(String name, byte[] content) {
    Row row = FILES.read("file:/corpus/" + name, content);
    assertThat(row.isNullAt(1)).as(String.valueOf(row.get(2))).isTrue();
    return row.getString(0);
  }

  private static void refused(ErrorCode code, String name, byte[] content) {
    refused(FILES, code, name, content);
  }

  private static void refused(FileText files, ErrorCode code, String name, byte[] content) {
    Row row = files.read("s3a://bucket/" + name, content);
    assertThat(row.getString(1)).as(name + ": " + row).isEqualTo(code.name());
    assertThat(row.isNullAt(0)).isTrue();
    assertThat(row.getString(2))
        .startsWith(code.meaning() + ": ")
        .doesNotContain("org.apache.")
        .doesNotContainPattern("@[0-9a-f]{4,}");
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @Test
  void plainTextKeepsItsLineBreaksInAnyEncoding() {
    String text = "Über den Fluß\n\n  führt — keine — Brücke.\nÀ bientôt, señor.\n".repeat(5);
    for (String encoding : new String[] {"UTF-8", "windows-1252", "UTF-16LE", "UTF-16BE"}) {
      String mark = encoding.startsWith("UTF-16") ? "\ufeff" : "";
      byte[] content = (mark + text).getBytes(Charset.forName(encoding));
      assertThat(text("a.txt", content)).as(encoding).isEqualTo(text.strip());
    }
    assertThat(text("table.csv", utf8("a,b\n1,2\n"))).isEqualTo("a,b\n1,2");
    assertThat(text("notes.md", utf8("# One\n\ntwo"))).isEqualTo("# One\n\ntwo");
  }

  @Test
  void htmlBecomesParagraphs() {
    String page =
        """
        <html><head><title>T</title><style>p {color: red}</style><script>var a = 1;</script></head>
        <body><h1>One &amp; two</h1>
        <p>%s</p><p>A <b>bold</b>
        word.<br>Next line</p><ul><li>x</li><li>y</li></ul>
        <table><tr><td>l</td><td>r</td></tr><tr><td>m</td></tr></table>
        <pre>a
          b</pre></body></html>
        """
            .formatted(FIRST);
    assertThat(text("page.html", utf8(page)))
        .isEqualTo(
            "One & two\n\n" + FIRST + "\n\nA bold word.\nNext line\n\nx\ny\n\nl r\nm\n\na\n  b");
    assertThat(
            text(
                "latin.htm",
                page.replace("T</title>", "T</title><meta charset=iso-8859-1>")
                    .replace("bold", "fête")
                    .getBytes(StandardCharsets.ISO_8859_1)))
        .contains("A fête word.");
  }

  @Test
  void pdfLinesBecomeParagraphs() throws IOException {
    assertThat(text("a.pdf", FileSamples.pdf(FIRST, SECOND)).split("\n\n"))
        .containsExactly(FIRST, SECOND);
    assertThat(text("restricted.pdf", FileSamples.restrictedPdf(FIRST, SECOND))).contains(SECOND);
    String many = (FIRST + " ").repeat(60).strip();
    assertThat(text("many pages.pdf", FileSamples.pdf(many)).replaceAll("\\s+", " "))
        .isEqualTo(many);
  }

  @Test
  void docxKeepsParagraphsAndTables() throws IOException {
    assertThat(text("a.docx", FileSamples.docx("Heading", "left", "right", FIRST, SECOND)))
        .isEqualTo("Heading\n\n" + FIRST + "\n\n" + SECOND + "\n\nleft right");
    assertThat(text("no ending", FileSamples.docx("Heading", "l", "r", SECOND)))
        .startsWith("Heading\n\n" + SECOND);
  }

  @Test
  void epubChaptersComeInTheOrderOfTheSpine() throws IOException {
    assertThat(
            text(
                "a.epub",
                FileSamples.epub("<h2>One</h2><p>" + FIRST + "</p>", "<h2>Two</h2><p>é</p>")))
        .isEqualTo("One\n\n" + FIRST + "\n\nTwo\n\né");
  }

  @Test
  void whatCannotBeReadSaysWhy() throws IOException {
    byte[] pdf = FileSamples.pdf(FIRST, SECOND);
    byte[] docx = FileSamples.docx("Heading", "l", "r", FIRST);
    refused(ErrorCode.ENCRYPTED_FILE, "a.pdf", FileSamples.encryptedPdf(FIRST));
    refused(ErrorCode.BROKEN_FILE, "a.pdf", utf8("%PDF-1.7\nnothing of a PDF follows"));
    refused(ErrorCode.BROKEN_FILE, "cut.docx", Arrays.copyOf(docx, docx.length / 2));
    refused(ErrorCode.UNSUPPORTED_FILE, "a.bin", new byte[] {0, 1, 2, 3, (byte) 0xfe, 0, 9, 0});
    refused(ErrorCode.UNSUPPORTED_FILE, "a.txt", new byte[] {0x1f, (byte) 0x8b, 8, 0, 0, 0, 0, 0});
    refused(ErrorCode.DECOMPRESSION_BOMB, "a.epub", FileSamples.bomb());
    assertThat(text("deep.html", utf8("<div>".repeat(20_000) + "x"))).isEqualTo("x");
    refused(new FileText(100, 60), ErrorCode.TOO_MUCH_TEXT, "a.pdf", pdf);
    assertThat(FILES.read("empty.pdf", new byte[0]).getString(0)).isEmpty();
  }

  @Test
  void aSlowFileIsGivenUp() {
    // a page whose text never ends: 60 MB of words, for a reader that has a second
    byte[] slow = utf8("<p>" + "<b>word</b> ".repeat(5_000_000));
    refused(new FileText(Integer.MAX_VALUE, 1), ErrorCode.PARSE_TIMEOUT, "slow.html", slow);
  }
}
