package dev.questspark.engine.schedule;

import static dev.questspark.engine.schedule.SpanKind.DECODE;
import static dev.questspark.engine.schedule.SpanKind.PREFILL;
import static dev.questspark.engine.schedule.SpanKind.QUESTION;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.questspark.engine.pages.PagePool;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What the scheduler does, one story at a time. Pages hold 4 tokens unless said otherwise. */
class SchedulerTest {
  private final PagePool pool = new PagePool(100);

  @Test
  void fiveQuestionsOnOneDocumentCostOnePrefill() {
    Scheduler scheduler = scheduler(8, 64, false);
    scheduler.submit(
        document(1, 40, question(11), question(12), question(13), question(14), question(15)));
    List<Step> steps = runToEnd(scheduler);

    assertThat(rows(steps, PREFILL)).isEqualTo(40);
    assertThat(rows(steps, QUESTION)).isEqualTo(5 * 3);
    assertThat(rows(steps, DECODE)).isEqualTo(5 * 5);
    assertThat(steps.get(1).spans())
        .extracting(Span::sequenceId)
        .containsExactly(11L, 12L, 13L, 14L, 15L);
    assertThat(steps.get(1).spans())
        .extracting(Span::cachedTokens)
        .containsExactly(0, 40, 40, 40, 40);
    assertThat(pool.free()).isEqualTo(100);
  }

  @Test
  void fullPagesAreSharedAndThePartialOneIsCopied() {
    Scheduler scheduler = scheduler(8, 64, false);
    scheduler.submit(document(1, 10, question(11), question(12)));
    Span prefill = step(scheduler).spans().get(0);
    assertThat(prefill.pages()).hasSize(3);

    Step step = step(scheduler);
    int partial = prefill.pages()[2];
    assertThat(step.copies()).hasSize(2).extracting(PageCopy::from).containsOnly(partial);
    for (int i = 0; i < 2; i++) {
      int[] pages = step.spans().get(i).pages();
      assertThat(pages).hasSize(4).startsWith(prefill.pages()[0], prefill.pages()[1]);
      assertThat(step.copies().get(i).to()).isEqualTo(pages[2]).isNotEqualTo(partial);
    }
    assertThat(scheduler.pagesUsed()).isEqualTo(3 + 2 * 2);
  }

  @Test
  void aDocumentThatEndsOnAPageBoundaryNeedsNoCopy() {
    Scheduler scheduler = scheduler(8, 64, false);
    scheduler.submit(document(1, 8, question(11)));
    assertThat(runToEnd(scheduler)).allSatisfy(step -> assertThat(step.copies()).isEmpty());
  }

  @Test
  void aQuestionWithoutADocumentStartsAtOnce() {
    Scheduler scheduler = scheduler(8, 64, false);
    scheduler.submit(document(1, 0, question(11)));
    Span first = step(scheduler).spans().get(0);
    assertThat(first.kind()).isEqualTo(QUESTION);
    assertThat(first.firstPosition()).isZero();
    assertThat(first.samples()).isTrue();
  }

  @Test
  void aLongDocumentIsCutIntoChunksThatFillWhatDecodingLeavesFree() {
    Scheduler scheduler = scheduler(8, 10, false);
    scheduler.submit(document(1, 4, question(11), question(12)));
    step(scheduler);
    step(scheduler);
    scheduler.submit(document(2, 20, question(21)));

    assertThat(shape(step(scheduler)))
        .containsExactly("DECODE 11 @7+1", "DECODE 12 @7+1", "PREFILL 2 @0+8");
    assertThat(shape(step(scheduler)))
        .containsExactly("DECODE 11 @8+1", "DECODE 12 @8+1", "PREFILL 2 @8+8");
    assertThat(shape(step(scheduler)))
        .containsExactly("DECODE 11 @9+1", "DECODE 12 @9+1", "PREFILL 2 @16+4");
    assertThat(shape(step(scheduler)))
        .containsExactly("DECODE 11 @10+1", "DECODE 12 @10+1", "QUESTION 21 @20+3");
  }

  @Test
  void onlyTheLastChunkOfAQuestionSamples() {
    Scheduler scheduler = scheduler(8, 5, false);
    scheduler.submit(new DocumentWork(1, 0, List.of(new QuestionWork(11, 12, 2))));
    assertThat(step(scheduler).spans().get(0).samples()).isFalse();
    assertThat(step(scheduler).spans().get(0).samples()).isFalse();
    Span last = step(scheduler).spans().get(0);
    assertThat(last.samples()).isTrue();
    assertThat(last.tokens()).isEqualTo(2);
  }

  @Test
  void questionsOfAnAdmittedDocumentGoBeforeLaterDocuments() {
    Scheduler scheduler = scheduler(2, 64, false);
    scheduler.submit(document(1, 4, question(11), question(12), question(13)));
    scheduler.submit(document(2, 4, question(21)));
    assertThat(starts(runToEnd(scheduler))).containsExactly(11L, 12L, 13L, 21L);
  }

  @Test
  void whatCouldNeverFitIsRefusedWithNumbers() {
    Scheduler scheduler = scheduler(8, 64, false);
    // 390 tokens: 98 pages. Question and answer end at position 390 + 3 + 9 - 2: 101 pages, of
    // which the 97 full ones are shared, so 4 are private.
    DocumentWork tooBig =
        new DocumentWork(1, 390, List.of(question(11), new QuestionWork(12, 3, 9)));
    assertThat(scheduler.submit(tooBig)).isEqualTo(new Submission.Refused(102, 100));
    assertThat(scheduler.idle()).isTrue();
    assertThat(scheduler.next()).isEmpty();
    assertThat(scheduler.submit(document(1, 380, question(11))))
        .isEqualTo(new Submission.Accepted());
  }

  @Test
  void maxTokensEndsAQuestionThatTheResultDoesNotName() {
    Scheduler scheduler = scheduler(8, 64, false);
    scheduler.submit(
        new DocumentWork(1, 0, List.of(new QuestionWork(11, 1, 1), new QuestionWork(12, 1, 1))));
    scheduler.next();
    scheduler.complete(new StepResult(12));
    assertThat(scheduler.idle()).isTrue();
  }

  @Test
  void aCancelledDocumentLeavesNothingBehindEvenInFlight() {
    Scheduler scheduler = scheduler(8, 64, false);
    scheduler.submit(document(1, 10, question(11), question(12)));
    scheduler.submit(document(2, 10, question(21)));
    step(scheduler);
    scheduler.next();
    assertThat(scheduler.cancel(1)).isTrue();
    assertThat(scheduler.cancel(1)).isFalse();
    scheduler.complete(new StepResult(11));
    assertThat(scheduler.pagesUsed()).isEqualTo(3 + 2);
    assertThat(scheduler.cancel(2)).isTrue();
    assertThat(scheduler.idle()).isTrue();
    assertThat(pool.free()).isEqualTo(100);
  }

  @Test
  void noDocumentIsAdmittedWhileAQuestionWaitsForPages() {
    PagePool eight = new PagePool(8);
    Scheduler scheduler = new Scheduler(new SchedulerLimits(4, 8, 64, false), eight);
    // The document takes 1 page and each question 4: question 12 lacks one until 11 has ended.
    scheduler.submit(document(1, 4, new QuestionWork(11, 4, 13), new QuestionWork(12, 4, 13)));
    step(scheduler);
    scheduler.submit(document(2, 0, new QuestionWork(21, 1, 1)));
    assertThat(starts(runToEnd(scheduler))).containsExactly(11L, 12L, 21L);
  }

  @Test
  void withOvercommitTheYoungestIsPreemptedAndReplaysWhatItHadGenerated() {
    PagePool four = new PagePool(4);
    Scheduler scheduler = new Scheduler(new SchedulerLimits(4, 2, 64, true), four);
    // Each question takes 3 pages in the end, so the two do not fit together.
    scheduler.submit(
        document(
            1,
            0,
            new QuestionWork(11, 4, 8),
            new QuestionWork(12, 4, 8),
            new QuestionWork(13, 1, 1)));
    List<Step> steps = runToEnd(scheduler);

    assertThat(shape(steps.get(4))).containsExactly("DECODE 11 @7+1", "DECODE 12 @7+1");
    assertThat(shape(steps.get(5))).containsExactly("DECODE 11 @8+1");
    assertThat(shape(steps.get(7))).containsExactly("DECODE 11 @10+1");
    // Four tokens of question and the five that it had generated; then it goes on.
    assertThat(shape(steps.get(8))).startsWith("QUESTION 12 @0+9");
    assertThat(shape(steps.get(9))).startsWith("DECODE 12 @9+1");
    Span replay = steps.get(8).spans().get(0);
    assertThat(replay.samples()).isTrue();
    assertThat(replay.preemptions()).isEqualTo(1);
    assertThat(starts(steps))
        .as("13 waits behind the one preempted")
        .containsExactly(11L, 12L, 12L, 13L);
    assertThat(four.free()).isEqualTo(4);
  }

  @Test
  void withOvercommitADocumentNobodyReadsIsEvictedForTheLastRunningQuestion() {
    PagePool six = new PagePool(6);
    Scheduler scheduler = new Scheduler(new SchedulerLimits(4, 2, 2, true), six);
    // Question 11 grows to 4 pages, one row a step; the other row of each step prefills document 2.
    scheduler.submit(document(1, 0, new QuestionWork(11, 4, 13)));
    scheduler.submit(document(2, 12, new QuestionWork(21, 1, 1)));
    scheduler.submit(document(3, 1, new QuestionWork(31, 1, 1)));
    List<Step> steps = runToEnd(scheduler);

    assertThat(shape(steps.get(9))).containsExactly("DECODE 11 @11+1", "PREFILL 2 @7+1");
    assertThat(shape(steps.get(10))).containsExactly("DECODE 11 @12+1");
    assertThat(shape(steps.get(13))).containsExactly("DECODE 11 @15+1");
    assertThat(shape(steps.get(14))).containsExactly("PREFILL 2 @0+2");
    assertThat(steps.get(14).spans().get(0).preemptions()).isEqualTo(1);
    assertThat(starts(steps)).as("3 has not overtaken").containsExactly(11L, 21L, 31L);
    assertThat(six.free()).isEqualTo(6);
  }

  @Test
  void wrongUseIsNamed() {
    Scheduler scheduler = scheduler(8, 64, false);
    assertThatIllegalStateException().isThrownBy(() -> scheduler.complete(new StepResult()));
    scheduler.submit(document(1, 10, question(11)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> scheduler.submit(document(2, 10, question(11))))
        .withMessage("document 2: id 11 is in use");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> scheduler.submit(document(2, 10, question(2))))
        .withMessage("document 2 has the id 2 twice");
    scheduler.next();
    assertThatIllegalStateException().isThrownBy(scheduler::next);
    assertThatIllegalStateException()
        .isThrownBy(() -> scheduler.complete(new StepResult(11)))
        .withMessage("question 11 did not sample in this step of 0 samples");
  }

  private Scheduler scheduler(int seqs, int rows, boolean overcommit) {
    return new Scheduler(new SchedulerLimits(4, seqs, rows, overcommit), pool);
  }

  private static DocumentWork document(long id, int tokens, QuestionWork... questions) {
    return new DocumentWork(id, tokens, List.of(questions));
  }

  /** Three tokens of question and six of answer. */
  private static QuestionWork question(long id) {
    return new QuestionWork(id, 3, 6);
  }

  private static Step step(Scheduler scheduler) {
    Step step = scheduler.next().orElseThrow();
    scheduler.complete(new StepResult());
    return step;
  }

  private static List<Step> runToEnd(Scheduler scheduler) {
    List<Step> steps = new ArrayList<>();
    while (!scheduler.idle()) {
      steps.add(step(scheduler));
    }
    return steps;
  }

  /** Questions in the order of their starts, told by their first sample. */
  private static List<Long> starts(List<Step> steps) {
    return steps.stream()
        .flatMap(step -> step.spans().stream())
        .filter(span -> span.kind() == QUESTION && span.samples())
        .map(Span::sequenceId)
        .toList();
  }

  private static int rows(List<Step> steps, SpanKind kind) {
    return steps.stream()
        .flatMap(step -> step.spans().stream())
        .filter(span -> span.kind() == kind)
        .mapToInt(Span::tokens)
        .sum();
  }

  private static List<String> shape(Step step) {
    return step.spans().stream()
        .map(s -> s.kind() + " " + s.sequenceId() + " @" + s.firstPosition() + "+" + s.tokens())
        .toList();
  }
}
