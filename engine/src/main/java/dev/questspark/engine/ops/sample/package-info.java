/** How the next token of a row is drawn from its logits. */
package dev.questspark.engine.ops.sample;
