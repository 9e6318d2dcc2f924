package dev.questspark.engine.schedule;

/**
 * Page {@code from} is to be copied whole to page {@code to}: the last, partly filled page of a
 * document, for one of its questions.
 */
public record PageCopy(int from, int to) {}
