/** What the launches of a step take: the batch, lists of pages, partial results. */
package dev.questspark.engine.ops.cuda.step;
