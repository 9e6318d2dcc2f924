package dev.questspark.job.eval.suite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.tokens.HfTokenizer;
import dev.questspark.engine.tokens.Tokenizer;
import dev.questspark.job.corpus.Document;
import dev.questspark.job.corpus.Question;
import dev.questspark.job.eval.EvalDocument;
import dev.questspark.job.options.keys.MeasureKeys;
import dev.questspark.job.options.resolve.CommandLineFlags;
import dev.questspark.job.options.resolve.OptionResolver;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Generated suites by their definitions, and published folders as they are published. */
class SuitesTest {
  private static final String TEMPLATE = "<|bos|>{{document}}\nQuestion: {{question}}\nAnswer:";

  /** Tokens of the answer, of the joints, and of a sentence that would not fit any more. */
  private static final int SLACK = 120;

  private static final int CONTEXT = 1024;

  private static Tokenizer tokenizer;

  private final List<String> leftOut = new ArrayList<>();

  @TempDir Path folder;

  @BeforeAll
  static void open() {
    tokenizer = HfTokenizer.open(Path.of("..", "demo", "model"));
  }

  @AfterAll
  static void close() {
    tokenizer.close();
  }

  private SuiteInput input(String suite, String... flags) {
    List<String> args = new ArrayList<>(List.of("--command=eval", "--suite=" + suite));
    args.addAll(List.of(flags));
    Document prose =
        new Document(
            "prose",
            "It was a grey morning. Nobody spoke on deck! \"Where is the captain?\" asked Mr. Stubb. "
                .repeat(40),
            List.of(new Question(0, "Who asked?", "Stubb")),
            "here",
            Optional.empty());
    return new SuiteInput(
        MeasureKeys.suite(
            OptionResolver.resolve(CommandLineFlags.parse(args.toArray(String[]::new)), List.of())),
        tokenizer,
        TEMPLATE,
        CONTEXT,
        () -> List.of(prose),
        leftOut::add);
  }

  private List<EvalDocument> grid(String suite, String... more) {
    List<String> flags =
        new ArrayList<>(List.of("--lengths=400,900", "--depths=0,50,100", "--samples=3"));
    flags.addAll(List.of(more));
    return Suites.documents(input(suite, flags.toArray(String[]::new)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"passkey", "passkey_facts", "needle", "multikey", "multikey_facts"})
  void aGridHidesEachAnswerOnceAtItsDepthInItsLength(String suite) {
    List<EvalDocument> documents = grid(suite);
    assertThat(documents).hasSize(2 * 3 * 3);
    Set<String> ids = new HashSet<>();
    for (EvalDocument document : documents) {
      assertThat(ids.add(document.docId())).isTrue();
      String answer = document.questions().get(0).references().get(0);
      int first = document.text().indexOf(answer);
      assertThat(first).as(document.docId()).isNotNegative();
      double place = 100.0 * first / document.text().length();
      // within a sentence or the loop of the stated depth, the task's words at the front aside
      assertThat(place)
          .as(document.docId())
          .isBetween(document.aim().depthPercent() - 25, document.aim().depthPercent() + 25);
      String prompt =
          document
              .prompt()
              .template()
              .replace("{{document}}", document.text())
              .replace("{{question}}", document.questions().get(0).text());
      int tokens = tokenizer.encode(prompt, false).length;
      assertThat(tokens)
          .as(document.docId())
          .isBetween(document.aim().lengthTokens() - SLACK, document.aim().lengthTokens());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"passkey", "needle", "multikey_facts", "variable_tracking"})
  void aSeedMakesADocumentWhateverElseIsMade(String suite) {
    Map<String, EvalDocument> byId = new HashMap<>();
    grid(suite).forEach(document -> byId.put(document.docId(), document));
    for (EvalDocument document :
        Suites.documents(input(suite, "--lengths=900", "--depths=50,0,100", "--samples=3"))) {
      assertThat(document).isEqualTo(byId.get(document.docId()));
    }
    assertThat(grid(suite, "--seed=8").get(0).text()).isNotEqualTo(grid(suite).get(0).text());
  }

  @ParameterizedTest
  @ValueSource(strings = {"passkey", "needle", "multikey", "variable_tracking", "perplexity"})
  void aLengthThatTheContextHasNoRoomForIsRefused(String suite) {
    assertThatThrownBy(() -> grid(suite, "--lengths=900,1025", "--max-tokens=8"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContainingAll("--lengths has 1025", "max_model_len 1024", "at most 1024");
  }

  @Test
  void aLengthLeavesRoomForTheAnswerThatItDoesNotCount() {
    assertThatThrownBy(() -> grid("needle", "--lengths=1000", "--max-tokens=40"))
        .hasMessageContainingAll("--lengths has 1000", "at most 992");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "passkey",
        "passkey_facts",
        "needle",
        "multikey",
        "multikey_facts",
        "variable_tracking"
      })
  void aLengthThatCannotBeMadeIsRefusedWithOneThatCan(String suite) {
    Matcher refused =
        Pattern.compile("--lengths has 10, but suite .* such as ([0-9]+)\\.")
            .matcher(catchThrowable(() -> grid(suite, "--lengths=10,400")).getMessage());
    assertThat(refused.matches()).isTrue();
    assertThat(grid(suite, "--lengths=" + refused.group(1)))
        .allSatisfy(
            document ->
                assertThat(
                        tokenizer.encode(
                                document.text() + document.questions().get(0).text(), false)
                            .length)
                    .isLessThanOrEqualTo(document.aim().lengthTokens()));
  }

  @Test
  void aSentenceLongerThanThePromptDoesNotEndIt() {
    String table = "one two three four five ".repeat(200) + ". ";
    Haystack haystack =
        Haystack.of(List.of(table + "It was grey. Nobody spoke. ".repeat(9)), tokenizer);
    for (int seed = 0; seed < 20; seed++) {
      List<String> taken = haystack.take(new Random(seed), 100);
      assertThat(tokenizer.encode(String.join("", taken), false)).hasSizeBetween(85, 100);
    }
    assertThat(haystack.take(new Random(0), 2)).isEmpty();
  }

  @Test
  void variableTrackingAsksForTheWholeChain() {
    Pattern assignment = Pattern.compile("VAR ([A-Z]+) = (?:VAR ([A-Z]+)|([0-9]+))\\.");
    for (EvalDocument document : grid("variable_tracking")) {
      Map<String, String> values = new HashMap<>();
      Matcher found = assignment.matcher(document.text());
      while (found.find()) { // a chain's links stand in their order, so one pass resolves them
        String value = found.group(3) != null ? found.group(3) : values.get(found.group(2));
        assertThat(value).as("%s before %s", found.group(2), found.group(1)).isNotNull();
        values.put(found.group(1), value);
      }
      Matcher asked = Pattern.compile("value ([0-9]+)").matcher(document.questions().get(0).text());
      assertThat(asked.find()).isTrue();
      assertThat(document.questions().get(0).references())
          .containsExactlyInAnyOrderElementsOf(
              values.keySet().stream()
                  .filter(name -> values.get(name).equals(asked.group(1)))
                  .toList());
      assertThat(values).hasSizeGreaterThan(document.questions().get(0).references().size());
    }
  }

  @Test
  void distractorsShareTheKindAndNotTheOwner() {
    Pattern fact = Pattern.compile("The ([a-z]+ [a-z]+) of the ([a-z]+ [a-z]+) is ([0-9]{5})\\.");
    for (EvalDocument document : grid("multikey_facts")) {
      Set<String> kinds = new HashSet<>();
      Map<String, String> owners = new HashMap<>();
      Matcher found = fact.matcher(document.text());
      while (found.find()) {
        kinds.add(found.group(1));
        assertThat(owners.put(found.group(2), found.group(3))).isNull();
      }
      assertThat(kinds).hasSize(1);
      assertThat(owners).hasSize(8);
      String question = document.questions().get(0).text();
      String owner = question.replaceFirst(".* of the ", "").replace("?", "");
      assertThat(document.questions().get(0).references()).containsExactly(owners.get(owner));
    }
  }

  @Test
  void longBenchIsReadAsPublished() throws IOException {
    Files.writeString(
        folder.resolve("qasper.jsonl"),
        "{\"input\": \"Why?\", \"context\": \"A paper.\", \"answers\": [\"because\", \"so\"],"
            + " \"all_classes\": null, \"dataset\": \"qasper\"}\n");
    Files.writeString(
        folder.resolve("trec.jsonl"),
        "{\"input\": \"Q\", \"context\": \"C\", \"answers\": [\"Date\"], \"all_classes\": [\"Date\", \"City\"]}\n");
    assertThatThrownBy(() -> Suites.documents(input("longbench", "--input=" + folder)))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("dataset2prompt.json");
    Files.writeString(
        folder.resolve("dataset2prompt.json"),
        "{\"qasper\": \"Read {context}. Answer {input} now.\", \"trec\": \"{context} {input}\"}");

    List<EvalDocument> documents = Suites.documents(input("longbench", "--input=" + folder));
    assertThat(documents).hasSize(2);
    EvalDocument qasper = documents.get(0);
    assertThat(qasper.prompt().template()).isEqualTo("Read {{document}}. Answer {{question}} now.");
    assertThat(qasper.scoring().metric()).isEqualTo("f1");
    assertThat(qasper.prompt().maxTokens()).isEqualTo(128);
    assertThat(qasper.questions().get(0).references()).containsExactly("because", "so");
    assertThat(documents.get(1).scoring().classes()).containsExactly("Date", "City");
    assertThat(documents.get(1).prompt().chat()).isFalse();

    Files.writeString(folder.resolve("unheard.jsonl"), "{}\n");
    assertThatThrownBy(() -> Suites.documents(input("longbench", "--input=" + folder)))
        .hasMessageContainingAll("unheard", "narrativeqa");
  }

  @Test
  void kvpressLinesOfOneContextAreOneDocument() throws IOException {
    Path file = folder.resolve("rows.jsonl");
    Files.writeString(
        file,
        """
        {"context": "Text. ", "question": "A? ", "answer_prefix": "It is", "answer": ["x"], "max_new_tokens": 7}
        {"context": "Text. ", "question": "B? ", "answer_prefix": "", "answer": "y", "max_new_tokens": 7}
        {"context": "Other. ", "question": "C? ", "answer": "z", "max_new_tokens": 9}
        """);
    List<EvalDocument> documents = Suites.documents(input("kvpress", "--input=" + file));
    assertThat(documents).extracting(EvalDocument::text).containsExactly("Text. ", "Other. ");
    assertThat(documents.get(0).questions())
        .extracting(EvalDocument.EvalQuestion::text)
        .containsExactly("A? It is", "B? ");
    assertThat(documents.get(1).prompt().maxTokens()).isEqualTo(9);
    Files.writeString(file, "{\"context\": \"Text\", \"question\": \"A?\"}\n");
    assertThatThrownBy(() -> Suites.documents(input("kvpress", "--input=" + file)))
        .hasMessageContaining("max_new_tokens");
  }

  @Test
  void aTextTooShortForALengthIsNamed() {
    SuiteInput given = input("perplexity", "--lengths=300,600");
    List<Document> corpus = new ArrayList<>(given.corpus().get());
    String brief = "It was a grey morning. ".repeat(60);
    corpus.add(new Document("brief", brief, corpus.get(0).questions(), "here", Optional.empty()));
    SuiteInput both =
        new SuiteInput(
            given.options(), tokenizer, TEMPLATE, CONTEXT, () -> corpus, given.leftOut());
    assertThat(Suites.documents(both))
        .extracting(EvalDocument::docId)
        .containsExactly("prose-300", "prose-600", "brief-300");
    assertThat(leftOut).singleElement().asString().startsWith("brief at length 600: the text has");
  }

  @Test
  void anUnknownSuiteListsTheKnownOnes() {
    assertThatThrownBy(() -> Suites.documents(input("ruler")))
        .isInstanceOf(ConfigException.class)
        .hasMessageContainingAll("suite is 'ruler' (flag)", "passkey", "longbench");
  }
}
