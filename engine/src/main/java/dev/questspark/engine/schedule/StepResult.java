package dev.questspark.engine.schedule;

/**
 * What sampling decided. Every sampling span of the step has sampled one token; the questions named
 * here end with it, the others go on unless it was their {@code maxTokens}-th.
 *
 * @param finished question ids, each of a sampling span of the step; any order
 */
public record StepResult(long... finished) {}
