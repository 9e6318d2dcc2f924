/** What documents will take of an engine that need not be open. */
package dev.questspark.engine.plan;
