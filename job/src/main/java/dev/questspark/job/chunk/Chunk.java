package dev.questspark.job.chunk;

import java.util.List;

/**
 * A part of a text that one request reads.
 *
 * @param from first character, as Java counts
 * @param to one after the last
 * @param headings of the sections that it has part of, in order
 * @param tokens its text's ids
 */
public record Chunk(int from, int to, List<String> headings, int[] tokens) {}
