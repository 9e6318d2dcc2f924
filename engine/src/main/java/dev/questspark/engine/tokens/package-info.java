/**
 * Text at the model's border: tokenizer, chat and prompt templates, the defaults of generation, and
 * the stop strings of the output.
 */
package dev.questspark.engine.tokens;
