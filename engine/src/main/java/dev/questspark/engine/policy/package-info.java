/**
 * Policies as values: what a question's decode steps read, and what becomes of a document's cache.
 */
package dev.questspark.engine.policy;
