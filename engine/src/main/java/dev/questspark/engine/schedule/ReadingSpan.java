package dev.questspark.engine.schedule;

/**
 * Consecutive rows of a document that is read with one of its questions: positions [firstPosition,
 * firstPosition + tokens) of document + question + what is drafted after it.
 *
 * @param id the document's
 * @param place which of the places for documents being read holds it, from 0
 * @param question the question whose rows follow the document's, from 0; the second and later ones
 *     take the places of the one before
 * @param drafts whether the token after the last row has to be drafted, to be read next
 * @param endsQuestion whether the last row is the question's last, or the last drafted after it
 * @param endsDocument whether it is the last question's last too: the place is free afterwards
 */
public record ReadingSpan(
    long id,
    int place,
    int question,
    int firstPosition,
    int tokens,
    boolean drafts,
    boolean endsQuestion,
    boolean endsDocument) {}
