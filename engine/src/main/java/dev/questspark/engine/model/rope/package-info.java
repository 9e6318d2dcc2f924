/** Rotary position embedding: the angles of the published scalings, and their table. */
package dev.questspark.engine.model.rope;
