package dev.questspark.job.corpus;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.apache.pdfbox.pdmodel.PDDocument;
import org.apache.pdfbox.pdmodel.PDPage;
import org.apache.pdfbox.pdmodel.PDPageContentStream;
import org.apache.pdfbox.pdmodel.encryption.AccessPermission;
import org.apache.pdfbox.pdmodel.encryption.StandardProtectionPolicy;
import org.apache.pdfbox.pdmodel.font.PDType1Font;
import org.apache.pdfbox.pdmodel.font.Standard14Fonts;
import org.apache.poi.xwpf.usermodel.XWPFDocument;
import org.apache.poi.xwpf.usermodel.XWPFTable;

/** Real files of every kind, made of paragraphs, and their poisoned kin. */
public final class FileSamples {
  private static final int LINE_CHARACTERS = 80;
  private static final int LINES_PER_PAGE = 40;

  private FileSamples() {}

  /** One paragraph after the other; long ones over several lines. */
  public static byte[] pdf(String... paragraphs) throws IOException {
    try (PDDocument document = written(paragraphs)) {
      return saved(document);
    }
  }

  /** Opens with the password "secret" only. */
  public static byte[] encryptedPdf(String... paragraphs) throws IOException {
    return protectedPdf("secret", paragraphs);
  }

  /** Opens without a password, but was encrypted. */
  public static byte[] restrictedPdf(String... paragraphs) throws IOException {
    return protectedPdf("", paragraphs);
  }

  private static byte[] protectedPdf(String user, String... paragraphs) throws IOException {
    try (PDDocument document = written(paragraphs)) {
      StandardProtectionPolicy policy =
          new StandardProtectionPolicy("owner", user, new AccessPermission());
      policy.setEncryptionKeyLength(128);
      document.protect(policy);
      return saved(document);
    }
  }

  private static byte[] saved(PDDocument document) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    document.save(out);
    return out.toByteArray();
  }

  private static PDDocument written(String... paragraphs) throws IOException {
    PDDocument document = new PDDocument();
    List<String> lines =
        Arrays.stream(paragraphs)
            .flatMap(text -> Arrays.stream((wrapped(text) + "\n").split("\n", -1)))
            .toList();
    for (int at = 0; at < lines.size(); at += LINES_PER_PAGE) {
      PDPage page = new PDPage();
      document.addPage(page);
      try (PDPageContentStream content = new PDPageContentStream(document, page)) {
        content.beginText();
        content.setFont(new PDType1Font(Standard14Fonts.FontName.HELVETICA), 11);
        content.setLeading(15);
        content.newLineAtOffset(50, 720);
        for (String line : lines.subList(at, Math.min(lines.size(), at + LINES_PER_PAGE))) {
          content.showText(line);
          content.newLine();
        }
        content.endText();
      }
    }
    return document;
  }

  private static String wrapped(String text) {
    return text.replaceAll("(.{1," + LINE_CHARACTERS + "})( |$)", "$1\n").strip();
  }

  /** A heading, paragraphs, and a table of one row of two cells. */
  public static byte[] docx(String heading, String left, String right, String... paragraphs)
      throws IOException {
    try (XWPFDocument document = new XWPFDocument()) {
      document.createParagraph().createRun().setText(heading);
      for (String text : paragraphs) {
        document.createParagraph().createRun().setText(text);
      }
      XWPFTable table = document.createTable(1, 2);
      table.getRow(0).getCell(0).setText(left);
      table.getRow(0).getCell(1).setText(right);
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      document.write(out);
      return out.toByteArray();
    }
  }

  /** A book of chapters, each the inside of an XHTML body. */
  public static byte[] epub(String... chapters) throws IOException {
    StringBuilder manifest = new StringBuilder();
    StringBuilder spine = new StringBuilder();
    Map<String, String> files = new LinkedHashMap<>();
    files.put(
        "META-INF/container.xml",
        "<container version='1.0' xmlns='urn:oasis:names:tc:opendocument:xmlns:container'><rootfiles>"
            + "<rootfile full-path='book.opf' media-type='application/oebps-package+xml'/>"
            + "</rootfiles></container>");
    for (int i = 0; i < chapters.length; i++) {
      manifest.append(
          "<item id='c%d' href='c%d.xhtml' media-type='application/xhtml+xml'/>".formatted(i, i));
      spine.append("<itemref idref='c%d'/>".formatted(i));
      files.put(
          "c" + i + ".xhtml",
          "<html xmlns='http://www.w3.org/1999/xhtml'><head><title>t</title></head><body>"
              + chapters[i]
              + "</body></html>");
    }
    files.put(
        "book.opf",
        "<package xmlns='http://www.idpf.org/2007/opf' version='2.0'><metadata/><manifest>"
            + manifest
            + "</manifest><spine>"
            + spine
            + "</spine></package>");
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(out)) {
      byte[] type = "application/epub+zip".getBytes(StandardCharsets.US_ASCII);
      ZipEntry first = new ZipEntry("mimetype");
      first.setMethod(ZipEntry.STORED);
      first.setSize(type.length);
      CRC32 sum = new CRC32();
      sum.update(type);
      first.setCrc(sum.getValue());
      zip.putNextEntry(first);
      zip.write(type);
      for (Map.Entry<String, String> file : files.entrySet()) {
        zip.putNextEntry(new ZipEntry(file.getKey()));
        zip.write(file.getValue().getBytes(StandardCharsets.UTF_8));
      }
    }
    return out.toByteArray();
  }

  /** A few hundred kilobytes that unpack to a thousand times as much text. */
  public static byte[] bomb() throws IOException {
    return epub("<p>" + "a".repeat(60_000_000) + "</p>");
  }
}
