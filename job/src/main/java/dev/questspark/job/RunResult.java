package dev.questspark.job;

/**
 * How a job in somebody's session ended.
 *
 * @param output folder of the answers
 * @param exitCode what the job would have ended its process with: 0, or one of docs/operations.md
 *     that means answers
 * @param console what the job would have printed; no text of a document
 */
public record RunResult(String output, int exitCode, String console) {}
