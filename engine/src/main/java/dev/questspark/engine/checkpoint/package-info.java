/** Where a model's configuration, tokenizer and weights are, whatever it was published as. */
package dev.questspark.engine.checkpoint;
