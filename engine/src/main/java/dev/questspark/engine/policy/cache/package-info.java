/** What becomes of a document's keys and values: policies made of parts. */
package dev.questspark.engine.policy.cache;
