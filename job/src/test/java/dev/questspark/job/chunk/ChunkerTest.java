package dev.questspark.job.chunk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.DocumentException;
import dev.questspark.engine.tokens.HfTokenizer;
import dev.questspark.engine.tokens.PromptTemplate;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What every cut of every text keeps to, in the demo model's tokens and in others. */
class ChunkerTest {
  private static final int DOCUMENTS_PER_SEED = 25;
  private static HfTokenizer tokenizer;
  private static PromptTemplate template;

  @BeforeAll
  static void open() {
    tokenizer = HfTokenizer.open(Path.of("..", "demo", "model"));
    template = PromptTemplate.plain("<|bos|>{{document}}\nQuestion: {{question}}", tokenizer);
  }

  @AfterAll
  static void close() {
    tokenizer.close();
  }

  static IntStream seeds() {
    return IntStream.range(0, 6);
  }

  private static int tokens(String text) {
    return template.document(text).length;
  }

  private static List<Chunk> chunks(String text, int most, int overlap) {
    return Chunker.chunks(text, Sections.of(text), template::document, most, overlap);
  }

  private static String text(String whole, Chunk chunk) {
    return whole.substring(chunk.from(), chunk.to());
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void nothingIsLostNothingIsTooLongAndSectionsThatFitStayWhole(int seed) {
    Random random = new Random(seed);
    for (int i = 0; i < DOCUMENTS_PER_SEED; i++) {
      String text = RandomText.document(random);
      int most = 12 + random.nextInt(120);
      int overlap = random.nextBoolean() ? 0 : 1 + random.nextInt(10);
      check(text, most, overlap, template::document);
    }
  }

  /** A tokenizer whose parts apart have more tokens than together, and one with fewer. */
  @ParameterizedTest
  @MethodSource("seeds")
  void tokensNeedNotAddUp(int seed) {
    Random random = new Random(seed);
    List<Function<String, int[]>> tokenizers =
        List.of(
            text -> new int[text.codePointCount(0, text.length()) + 2],
            text -> new int[Math.max(1, text.length() - 2)],
            text -> new int[text.length() / 3]);
    for (int i = 0; i < DOCUMENTS_PER_SEED; i++) {
      String text = RandomText.document(random);
      int most = 12 + random.nextInt(200);
      check(text, most, random.nextInt(8), tokenizers.get(i % tokenizers.size()));
    }
  }

  private static void check(String text, int most, int overlap, Function<String, int[]> tokensOf) {
    List<Section> sections = Sections.of(text);
    List<Chunk> chunks = Chunker.chunks(text, sections, tokensOf, most, overlap);
    StringBuilder joined = new StringBuilder();
    for (Chunk chunk : chunks) {
      assertThat(chunk.from()).isLessThanOrEqualTo(joined.length());
      assertThat(chunk.to()).isGreaterThan(joined.length());
      String again = text.substring(chunk.from(), joined.length());
      assertThat(tokensOf.apply(again).length)
          .isLessThanOrEqualTo(Math.max(overlap, emptyTokens(tokensOf)));
      joined.append(text, joined.length(), chunk.to());
      assertThat(chunk.tokens()).isEqualTo(tokensOf.apply(text(text, chunk)));
      assertThat(chunk.tokens().length).isLessThanOrEqualTo(most);
      assertThat(Character.isLowSurrogate(text.charAt(chunk.from()))).isFalse();
    }
    assertThat(joined.toString()).isEqualTo(text);
    for (int i = 0; i < sections.size(); i++) {
      int from = sections.get(i).from();
      int to = i + 1 < sections.size() ? sections.get(i + 1).from() : text.length();
      boolean fits = tokensOf.apply(text.substring(from, to)).length <= most;
      List<Chunk> having =
          chunks.stream().filter(chunk -> chunk.from() < to && chunk.to() > from).toList();
      assertThat(having.stream().filter(chunk -> chunk.from() <= from && chunk.to() >= to).count())
          .as("chunks that have all of section %d of %s", i, sections)
          .isEqualTo(fits ? 1 : 0);
      assertThat(having).hasSizeGreaterThanOrEqualTo(fits ? 1 : 2);
      for (Chunk chunk : having) {
        assertThat(chunk.headings()).containsAll(sections.get(i).headings());
        if (fits) {
          assertThat(having).hasSize(1);
        } else { // has chunks of its own
          assertThat(chunk.from()).isGreaterThanOrEqualTo(from);
          assertThat(chunk.to()).isLessThanOrEqualTo(to);
        }
      }
    }
  }

  private static int emptyTokens(Function<String, int[]> tokensOf) {
    return tokensOf.apply("").length;
  }

  @Test
  void smallSectionsShareAChunkAsLongAsItHasRoom() {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 40; i++) {
      text.append("# Part ").append(i).append("\n").append("The wind rose. ".repeat(1 + i % 7));
      text.append("\n\n");
    }
    List<Section> sections = Sections.of(text.toString());
    List<Chunk> chunks = chunks(text.toString(), 100, 0);
    assertThat(sections).hasSize(40);
    assertThat(chunks).hasSizeBetween(4, 30);
    for (int i = 0; i + 1 < chunks.size(); i++) {
      int next = chunks.get(i + 1).from();
      int end =
          sections.stream()
              .mapToInt(Section::from)
              .filter(at -> at > next)
              .findFirst()
              .orElse(text.length());
      assertThat(tokens(text.substring(chunks.get(i).from(), end))).isGreaterThan(100);
    }
  }

  @Test
  void aLongSectionIsDividedWhereItIsWeakest() {
    String sentence = "The old man looked at the sea and said nothing. ";
    String paragraph = sentence.repeat(4).strip() + "\n\n";
    int most = tokens(paragraph) + 8;
    String text = "# One\n\n" + paragraph.repeat(3) + "# Two\n\n" + sentence + "\n\n";
    assertThat(chunks(text, most, 0))
        .extracting(chunk -> text(text, chunk))
        .containsExactly(
            "# One\n\n" + paragraph, paragraph, paragraph, "# Two\n\n" + sentence + "\n\n");
    assertThat(chunks(text, most, 0).get(2).headings()).containsExactly("One");

    String wall = sentence.repeat(12);
    assertThat(chunks(wall, most, 0))
        .allSatisfy(chunk -> assertThat(text(wall, chunk)).startsWith("The old").endsWith(". "));
    int lastSentence = tokens(sentence);
    List<Chunk> overlapping = chunks(wall, most, lastSentence);
    for (int i = 1; i < overlapping.size(); i++) {
      assertThat(wall.substring(overlapping.get(i).from(), overlapping.get(i - 1).to()))
          .isEqualTo(sentence);
    }
    String words = "many words of a long text without an end ".repeat(60);
    assertThat(chunks(words, 50, 0))
        .allSatisfy(chunk -> assertThat(text(words, chunk)).matches("\\S.*\\s"));
    String wordless = "x7Qz".repeat(400) + "\uD83D\uDC0B".repeat(100);
    check(wordless, 30, 5, template::document);
  }

  @Test
  void whatBeginsASection() {
    String text =
        """

        Preface text
        of two lines.

        CHAPTER IV.

        The Storm

        "No," he said.

        He went.

        # Notes #
        #hash is text, and so is a line

        ```
        # code
        ```
        1984
        ===
        \f

        a new page,
        \fI. The (last) page

        第三章

        終わりです。

        end""";
    assertThat(Sections.of(text))
        .extracting(section -> text.substring(section.from()).strip().lines().findFirst().get())
        .containsExactly(
            "Preface text", "CHAPTER IV.", "# Notes #", "a new page,", "I. The (last) page");
    assertThat(Sections.of(text))
        .extracting(Section::headings)
        .containsExactly(
            List.of(),
            List.of("CHAPTER IV. / The Storm"),
            List.of("Notes"),
            List.of("Notes"),
            List.of("I. The (last) page / 第三章"));
    assertThat(Sections.of("\r\n\r\nOne\r\n\r\ntext.\r\rTwo\r\rtext."))
        .extracting(Section::headings)
        .containsExactly(List.of("One"), List.of("Two"));
    assertThat(Sections.of(" \n ")).containsExactly(new Section(0, List.of()));
  }

  @Test
  void aChunkTooSmallForACharacterIsRefused() {
    assertThatThrownBy(() -> chunks("\uD83D\uDC0B and more", 1, 0))
        .isInstanceOf(DocumentException.class)
        .hasMessageContaining("one character has")
        .hasMessageContaining("--chunk-tokens");
  }

  /** Twice the text is twice the work, and a text is read a small number of times. */
  @Test
  void theWorkGrowsWithTheTextAlone() {
    String prose = "It was a grey morning and nobody spoke on deck. ".repeat(40) + "\n\n";
    String headed = "# Chapter\n\n" + prose.repeat(3);
    for (String unit :
        List.of(headed, prose, prose.replace("\n", ""), prose.replaceAll("\\W", ""))) {
      long small = charactersEncoded(unit.repeat(10));
      long large = charactersEncoded(unit.repeat(40));
      assertThat(large).isLessThan(5 * small).isLessThan(10L * 40 * unit.length());
    }
  }

  private static long charactersEncoded(String text) {
    List<Integer> lengths = new ArrayList<>();
    Function<String, int[]> counting =
        part -> {
          lengths.add(part.length());
          return template.document(part);
        };
    assertThat(Chunker.chunks(text, Sections.of(text), counting, 400, 50)).hasSizeGreaterThan(5);
    return lengths.stream().mapToLong(Integer::longValue).sum();
  }
}
