/**
 * What a model is, as its {@code config.json} says: the families' rows, and the description of
 * layers, positions and tensor names that they are read to.
 */
package dev.questspark.engine.model.family;
