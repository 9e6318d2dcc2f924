package dev.questspark.job.corpus;

import dev.questspark.engine.failure.ErrorCode;
import java.io.IOException;
import java.io.InputStream;
import java.io.Serial;
import java.io.Serializable;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Pattern;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.tika.exception.EncryptedDocumentException;
import org.apache.tika.exception.TikaException;
import org.apache.tika.exception.UnsupportedFormatException;
import org.apache.tika.extractor.EmbeddedDocumentExtractor;
import org.apache.tika.io.TikaInputStream;
import org.apache.tika.metadata.Metadata;
import org.apache.tika.metadata.TikaCoreProperties;
import org.apache.tika.mime.MediaType;
import org.apache.tika.parser.AutoDetectParser;
import org.apache.tika.parser.AutoDetectParserConfig;
import org.apache.tika.parser.ParseContext;
import org.apache.tika.parser.Parser;
import org.apache.tika.parser.ParserDecorator;
import org.apache.tika.parser.epub.EpubParser;
import org.apache.tika.parser.html.DefaultHtmlMapper;
import org.apache.tika.parser.html.HtmlMapper;
import org.apache.tika.parser.html.JSoupParser;
import org.apache.tika.parser.microsoft.OfficeParserConfig;
import org.apache.tika.parser.microsoft.ooxml.OOXMLParser;
import org.apache.tika.parser.pdf.PDFParser;
import org.apache.tika.parser.pdf.PDFParserConfig;
import org.apache.tika.parser.txt.TXTParser;
import org.xml.sax.ContentHandler;
import org.xml.sax.SAXException;

/**
 * The text of a file that is plain text in any encoding, HTML, PDF, DOCX or EPUB, through Apache
 * Tika; or why there is none. What a file embeds (attachments, images) is no part of its text.
 *
 * <p>Each file is parsed on a thread of its own. One that is not done in time is told to stop at
 * the parser's next event; a parser that gives none keeps its thread until it ends by itself.
 */
final class FileText implements Serializable {
  @Serial private static final long serialVersionUID = 1L;

  /** What {@link #read} returns: either a text, or a code and a reason. */
  static final StructType SCHEMA =
      new StructType()
          .add("text", DataTypes.StringType)
          .add("refused", DataTypes.StringType)
          .add("reason", DataTypes.StringType);

  private static final MediaType PROTECTED_OFFICE = MediaType.application("x-tika-ooxml-protected");

  private static final Set<MediaType> WORD =
      Set.of(
          MediaType.application("vnd.openxmlformats-officedocument.wordprocessingml.document"),
          MediaType.application("vnd.openxmlformats-officedocument.wordprocessingml.template"),
          MediaType.application("vnd.ms-word.document.macroenabled.12"));

  private static final Set<MediaType> HTML =
      new JSoupParser().getSupportedTypes(new ParseContext());

  /** Deeper than any page that people wrote; Tika's own 100 is not. */
  private static final int MAX_ELEMENT_DEPTH = 1000;

  /** Parsers follow a file's nesting on the stack. */
  private static final long STACK_BYTES = 16L << 20;

  /** What Java prints of an object; another in every run. */
  private static final Pattern ADDRESS = Pattern.compile("@[0-9a-f]{4,}");

  private final int maxCharacters;
  private final int timeoutSeconds;
  private transient AutoDetectParser parser;

  FileText(int maxCharacters, int timeoutSeconds) {
    this.maxCharacters = maxCharacters;
    this.timeoutSeconds = timeoutSeconds;
  }

  /**
   * Parses one file.
   *
   * @param path its name is a hint at its kind
   * @return a row of {@link #SCHEMA}
   */
  Row read(String path, byte[] content) {
    if (content.length == 0) {
      return RowFactory.create("", null, null);
    }
    AtomicReference<ParagraphText> text = new AtomicReference<>();
    FutureTask<String> parsing = new FutureTask<>(() -> parse(path, content, text));
    Thread thread = new Thread(null, parsing, "parse " + path, STACK_BYTES);
    thread.setDaemon(true);
    thread.start();
    try {
      return RowFactory.create(parsing.get(timeoutSeconds, TimeUnit.SECONDS), null, null);
    } catch (TimeoutException slow) {
      stop(text.get(), thread);
      return refused(ErrorCode.PARSE_TIMEOUT, "not read after " + timeoutSeconds + " s");
    } catch (ExecutionException failed) {
      return refused(failed.getCause());
    } catch (InterruptedException killed) {
      stop(text.get(), thread);
      Thread.currentThread().interrupt();
      throw new IllegalStateException("the task was killed while it read " + path, killed);
    }
  }

  private static void stop(ParagraphText text, Thread thread) {
    if (text != null) {
      text.abandon();
    }
    thread.interrupt();
  }

  private String parse(String path, byte[] content, AtomicReference<ParagraphText> text)
      throws IOException, SAXException, TikaException {
    AutoDetectParser files = parser();
    Metadata about = new Metadata();
    about.set(TikaCoreProperties.RESOURCE_NAME_KEY, path.substring(path.lastIndexOf('/') + 1));
    try (TikaInputStream in = TikaInputStream.get(content, about)) {
      MediaType type = files.getDetector().detect(in, about);
      boolean plain =
          files.getMediaTypeRegistry().isInstanceOf(type, MediaType.TEXT_PLAIN)
              && !HTML.contains(type.getBaseType());
      ParagraphText found = new ParagraphText(maxCharacters, plain);
      text.set(found);
      files.parse(in, found, about, context());
      return found.text();
    }
  }

  private static ParseContext context() {
    ParseContext context = new ParseContext();
    context.set(EmbeddedDocumentExtractor.class, new NothingEmbedded());
    PDFParserConfig pdf = new PDFParserConfig();
    pdf.setOcrStrategy(PDFParserConfig.OCR_STRATEGY.NO_OCR);
    // half a document would look like a whole one
    pdf.setCatchIntermediateIOExceptions(false);
    context.set(PDFParserConfig.class, pdf);
    OfficeParserConfig office = new OfficeParserConfig();
    office.setUseSAXDocxExtractor(true);
    context.set(OfficeParserConfig.class, office);
    context.set(HtmlMapper.class, new WithLineBreaks());
    return context;
  }

  /** Opened on the executor; a parser is no data. */
  private synchronized AutoDetectParser parser() {
    if (parser == null) {
      parser =
          new AutoDetectParser(
              new TXTParser(),
              new JSoupParser(),
              new PDFParser(),
              ParserDecorator.withTypes(new OOXMLParser(), WORD),
              new EpubParser());
      parser.setFallback(new OtherKind());
      AutoDetectParserConfig limits = new AutoDetectParserConfig();
      limits.setMaximumDepth(MAX_ELEMENT_DEPTH);
      parser.setAutoDetectParserConfig(limits);
    }
    return parser;
  }

  private Row refused(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof ParagraphText.TooMuch) {
        return refused(ErrorCode.TOO_MUCH_TEXT, "more than max_text_characters " + maxCharacters);
      }
      if (cause instanceof UnsupportedFormatException other) {
        return refused(ErrorCode.UNSUPPORTED_FILE, other.getMessage());
      }
      if (cause instanceof EncryptedDocumentException) {
        return refused(ErrorCode.ENCRYPTED_FILE, "a password is needed");
      }
      if (String.valueOf(cause.getMessage()).toLowerCase(Locale.ROOT).contains("zip bomb")) {
        return refused(ErrorCode.DECOMPRESSION_BOMB, cause.getMessage());
      }
    }
    return refused(ErrorCode.BROKEN_FILE, reason(failure));
  }

  /** What the innermost failure says: the ones around it name parsers, and objects by address. */
  private static String reason(Throwable failure) {
    String said = failure.getClass().getSimpleName();
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause.getMessage() != null && !cause.getMessage().isBlank()) {
        said = cause.getMessage();
      }
    }
    return ADDRESS.matcher(said.strip()).replaceAll("");
  }

  private static Row refused(ErrorCode code, String found) {
    return RowFactory.create(null, code.name(), code.meaning() + ": " + found);
  }

  /** Takes files that no other parser takes. */
  private static final class OtherKind implements Parser {
    private static final long serialVersionUID = 1L;

    @Override
    public Set<MediaType> getSupportedTypes(ParseContext context) {
      return Set.of();
    }

    @Override
    public void parse(InputStream in, ContentHandler handler, Metadata about, ParseContext context)
        throws TikaException {
      String type = about.get(Metadata.CONTENT_TYPE);
      if (type.equals(PROTECTED_OFFICE.toString())) {
        throw new EncryptedDocumentException();
      }
      throw new UnsupportedFormatException("it is " + type);
    }
  }

  /** Tika's own takes {@code br} for white space. */
  private static final class WithLineBreaks extends DefaultHtmlMapper {
    @Override
    public String mapSafeElement(String name) {
      return name.equalsIgnoreCase("br") ? "br" : super.mapSafeElement(name);
    }
  }

  private static final class NothingEmbedded implements EmbeddedDocumentExtractor {
    @Override
    public boolean shouldParseEmbedded(Metadata about) {
      return false;
    }

    @Override
    public void parseEmbedded(
        InputStream in, ContentHandler handler, Metadata about, boolean outputHtml) {
      // what is embedded is no part of the text
    }
  }
}
