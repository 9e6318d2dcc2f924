/** Which tokens of a document are prefilled, and where they stand. */
package dev.questspark.engine.policy.cache.tokens;
