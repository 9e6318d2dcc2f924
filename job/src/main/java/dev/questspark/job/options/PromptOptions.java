package dev.questspark.job.options;

import dev.questspark.job.options.Choices.Task;
import java.io.Serializable;

/**
 * What {@link dev.questspark.job.options.keys.PromptKeys} say.
 *
 * @param template path of a file; null for the task's own
 * @param combineTemplate path of a file; null for {@code template}, or the task's own
 * @param applyChatTemplate whether the model folder's chat template wraps the prompt
 * @param systemPrompt its system turn; null for none
 */
public record PromptOptions(
    Task task,
    String template,
    String combineTemplate,
    boolean applyChatTemplate,
    String systemPrompt)
    implements Serializable {}
