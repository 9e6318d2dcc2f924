package dev.questspark.job.options;

import dev.questspark.job.options.Choices.ApplyChatTemplate;
import dev.questspark.job.options.Choices.Task;
import java.io.Serializable;

/**
 * What {@link dev.questspark.job.options.keys.PromptKeys} say.
 *
 * @param template path of a file; null for the task's own
 * @param combineTemplate path of a file; null for {@code template}, or the task's own
 * @param applyChatTemplate whether the model folder's chat template wraps the prompt; auto leaves
 *     that to the folder, and is no more where another option decides it
 * @param systemPrompt its system turn; null for none
 * @param chatTemplateKwargs its variables, a JSON object; null for none
 */
public record PromptOptions(
    Task task,
    String template,
    String combineTemplate,
    ApplyChatTemplate applyChatTemplate,
    String systemPrompt,
    String chatTemplateKwargs)
    implements Serializable {}
