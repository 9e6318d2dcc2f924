/** Policies of a document: what becomes of its keys and values, for all its questions alike. */
package dev.questspark.engine.policy.cache;
