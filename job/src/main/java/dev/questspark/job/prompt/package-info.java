/**
 * PromptTokenizer: the texts of a task, and what they become in tokens around a document and a
 * question.
 */
package dev.questspark.job.prompt;
