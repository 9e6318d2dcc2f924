package dev.questspark.job.eval.suite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.tokens.HfTokenizer;
import dev.questspark.engine.tokens.Tokenizer;
import dev.questspark.job.corpus.Document;
import dev.questspark.job.corpus.Question;
import dev.questspark.job.eval.EvalDocument;
import dev.questspark.job.options.keys.MeasureKeys;
import dev.questspark.job.options.resolve.CommandLineFlags;
import dev.questspark.job.options.resolve.OptionResolver;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Which windows of which texts are measured. */
class DivergenceSuiteTest {
  private static final int CONTEXT = 1024;

  private static Tokenizer tokenizer;

  private final List<String> leftOut = new ArrayList<>();

  @BeforeAll
  static void open() {
    tokenizer = HfTokenizer.open(Path.of("..", "demo", "model"));
  }

  @AfterAll
  static void close() {
    tokenizer.close();
  }

  private static Document document(String id, String text) {
    return new Document(id, text, List.of(new Question(0, "", null)), "here", Optional.empty());
  }

  /** Every sentence tells its number, so that a place in the text is seen from the text there. */
  private static String numbered(int sentences) {
    return IntStream.range(0, sentences)
        .mapToObj(i -> "The mate wrote line " + i + " of the log. ")
        .collect(Collectors.joining());
  }

  private List<EvalDocument> documents(List<Document> corpus, String... flags) {
    List<String> args =
        new ArrayList<>(
            List.of(
                "--command=eval",
                "--suite=divergence",
                "--prefix-tokens=200",
                "--window-tokens=30"));
    args.addAll(List.of(flags));
    return Suites.documents(
        new SuiteInput(
            MeasureKeys.suite(
                OptionResolver.resolve(
                    CommandLineFlags.parse(args.toArray(String[]::new)), List.of())),
            tokenizer,
            "{{document}}\n{{question}}",
            CONTEXT,
            () -> corpus,
            leftOut::add));
  }

  private static List<String> ids(List<EvalDocument> documents) {
    return documents.stream().map(EvalDocument::docId).toList();
  }

  private static int offset(EvalDocument document) {
    return Integer.parseInt(document.docId().replaceFirst(".*@", ""));
  }

  @Test
  void eachTextHasEquallyManyWindowsThatDoNotOverlapAndHaveTextEnough() {
    List<EvalDocument> documents =
        documents(
            List.of(document("a", numbered(600)), document("b", numbered(700))), "--windows=15");
    assertThat(ids(documents).stream().filter(id -> id.startsWith("a@"))).hasSize(8);
    assertThat(ids(documents).stream().filter(id -> id.startsWith("b@"))).hasSize(8);
    assertThat(leftOut).isEmpty();
    for (EvalDocument document : documents) {
      assertThat(document.aim().lengthTokens()).isEqualTo(200);
      assertThat(document.prompt().maxTokens()).isEqualTo(30);
      String text = document.docId().startsWith("a") ? numbered(600) : numbered(700);
      assertThat(text.substring(offset(document))).startsWith(document.text());
      assertThat(offset(document) == 0 || text.charAt(offset(document) - 1) == ' ').isTrue();
      assertThat(tokenizer.encode(document.text(), false).length).isBetween(231, 1000);
    }
    TreeSet<Integer> places = new TreeSet<>();
    documents.stream()
        .filter(document -> document.docId().startsWith("a"))
        .forEach(document -> places.add(offset(document)));
    for (int place : places) {
      Integer next = places.higher(place);
      // the characters of 30 tokens, from the text's own first ones
      assertThat(next == null || next - place >= 30).isTrue();
    }
    assertThat(places.last()).as("windows come from all of the text").isGreaterThan(6000);
  }

  @Test
  void aSeedDrawsTheSameWindowsAndMoreOfThemKeepTheEarlierOnes() {
    List<Document> corpus = List.of(document("a", numbered(900)));
    List<String> ten = ids(documents(corpus, "--windows=10"));
    assertThat(ids(documents(corpus, "--windows=10"))).isEqualTo(ten);
    assertThat(ids(documents(corpus, "--windows=14")).subList(0, 10)).isEqualTo(ten);
    assertThat(ids(documents(corpus, "--windows=10", "--seed=3"))).doesNotContainSequence(ten);
    assertThat(ids(documents(corpus))).as("by default").hasSize(30);
  }

  @Test
  void aTextWithRoomForFewWindowsHasThoseAndNoneTwice() {
    List<String> ids = ids(documents(List.of(document("a", numbered(28)))));
    assertThat(ids).doesNotHaveDuplicates().hasSizeBetween(1, 8);
  }

  @Test
  void windowsStandWhereTheyAreAskedFor() {
    // the wave takes two chars and is one character
    String text = "\uD83C\uDF0A" + numbered(400);
    List<EvalDocument> documents =
        documents(
            List.of(document("a", text), document("b", numbered(200))),
            "--window-offsets=9001,12,9001");
    assertThat(ids(documents)).containsExactly("a@12", "a@9001", "b@12");
    assertThat(documents.get(1).text()).startsWith(text.substring(9002, 9040));
    assertThat(leftOut).containsExactly("b at 9001: fewer than 231 tokens of text are behind it");
  }

  @Test
  void offsetsBehindEveryTextAreRefused() {
    assertThatThrownBy(
            () -> documents(List.of(document("a", numbered(60))), "--window-offsets=90000"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContainingAll("--window-offsets [90000]", "231 tokens");
  }

  @Test
  void aTextTooShortIsNamedAndTheOthersAreMeasured() {
    List<String> ids =
        ids(
            documents(
                List.of(document("long", numbered(300)), document("short", numbered(5))),
                "--windows=4"));
    assertThat(ids).hasSize(4).allMatch(id -> id.startsWith("long@"));
    assertThat(leftOut)
        .singleElement()
        .asString()
        .startsWith("short: its text has ")
        .endsWith("a prefix of 200 and a window of 30 need 231");
  }

  @Test
  void textsThatAreAllTooShortAreRefusedInOneSentence() {
    assertThatThrownBy(
            () -> documents(List.of(document("a", numbered(4)), document("b", numbered(9)))))
        .isInstanceOf(ConfigException.class)
        .hasMessageContainingAll("need 231", "--prefix-tokens")
        .hasMessageMatching("(?s)[^.]*\\.");
    assertThat(leftOut).isEmpty();
  }

  @Test
  void aPrefixThatTheContextHasNoRoomForIsRefusedWithOneThatFits() {
    List<Document> corpus = List.of(document("a", numbered(300)));
    assertThatThrownBy(() -> documents(corpus, "--prefix-tokens=994"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContainingAll("max_model_len 1024", "--prefix-tokens of at most 993");
    assertThat(documents(corpus, "--prefix-tokens=993", "--windows=1")).hasSize(1);
  }
}
