package dev.questspark.engine.schedule;

/**
 * Consecutive rows of one sequence in one step. Row i is the token at position {@code firstPosition
 * + i}; it is appended to the sequence's pages and sees all positions up to its own.
 *
 * <pre>
 * positions   0 ........ D-1 | D ........ D+q-1 | D+q ................ D+q+m-2
 * tokens      document       | question         | generated 1 .. m-1
 * spans       PREFILL...     | QUESTION...      | DECODE DECODE DECODE ...
 * pages       [full][full][ partial ]           the document's own
 *             [full][full][ copy + q ][ ... ]   a question's table: full pages shared,
 *                                               the partial one copied, the rest private
 * </pre>
 *
 * <p>The m-th and last token is sampled by the row of generated token m-1 and never appended.
 *
 * @param sequenceId the document's id for {@link SpanKind#PREFILL}, otherwise the question's
 * @param kind what the rows are
 * @param firstPosition position of the first row in document + question + answer
 * @param tokens rows, at least 1
 * @param pages page ids of the sequence up to the span's last row, in order; shared between steps,
 *     not to be written
 * @param samples whether the last row samples a token
 * @param cachedTokens document tokens that an earlier question had already paid for: 0 for the
 *     question that started first on its document (and for a document's own spans), all of them for
 *     every other; the same on every span of a question
 * @param preemptions times the sequence has lost its pages so far
 */
public record Span(
    long sequenceId,
    SpanKind kind,
    int firstPosition,
    int tokens,
    int[] pages,
    boolean samples,
    int cachedTokens,
    int preemptions) {}
