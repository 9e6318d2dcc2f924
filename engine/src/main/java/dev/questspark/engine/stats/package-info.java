/**
 * What the engine measured: per step, and summed since it opened. Facts and clocks only; rates are
 * for readers.
 */
package dev.questspark.engine.stats;
