/** Which KV heads need all of a document, and which its ends alone. */
package dev.questspark.engine.policy.cache.heads;
