/** What becomes of a document's keys and values: policies made of parts, one per question. */
package dev.questspark.engine.policy.cache;
