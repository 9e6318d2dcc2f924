package dev.questspark.job.corpus;

import java.io.Serializable;

/**
 * One question of a document.
 *
 * @param number from 0, in the order of the input
 * @param text null or blank is an error row when the task needs a question
 * @param expected reference answer; null without one
 */
public record Question(int number, String text, String expected) implements Serializable {}
