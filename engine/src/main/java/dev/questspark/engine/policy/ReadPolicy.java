package dev.questspark.engine.policy;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.ops.backend.DeviceName;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.select.PageSelector;
import dev.questspark.engine.select.SelectionScratch;
import java.io.Serializable;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Which keys the steps of one question read. A policy is a record: its components are its
 * parameters, it compares by content, and it knows what it needs. Rows of equal policies share a
 * batch group.
 */
public interface ReadPolicy extends Serializable {

  /**
   * What lists what attention reads.
   *
   * @param shape how tokens are divided
   * @throws ConfigException if the budget has no room for what is always kept
   */
  PageSelector selector(PageShape shape);

  /** The page digests that it reads. */
  default Set<PageScore> digests() {
    return Set.of();
  }

  /** What its selector needs beside page lists and a score per unit. */
  default Set<SelectionScratch> scratch() {
    return Set.of();
  }

  /** Tokens per KV head and layer, all kept parts included; empty without a fixed number. */
  default OptionalInt kvBudget() {
    return OptionalInt.empty();
  }

  /** Whether every key is read, whatever the context. */
  default boolean dense() {
    return false;
  }

  /**
   * Whether it is a control: what it selects, the host computes from queries and keys, slowly, to
   * show how good or bad a selection can be. For eval and sweep, on the CPU.
   */
  default boolean control() {
    return false;
  }

  /**
   * Requires a device that the policy can run on.
   *
   * @throws ConfigException for a control, or a policy without kernels, on another device than the
   *     CPU
   */
  default void requireRunsOn(DeviceName device) {
    if (control() && !device.equals(DeviceName.CPU)) {
      throw new ConfigException(
          "policy "
              + text()
              + " is a control that the host computes, and backend is "
              + device
              + "; use backend "
              + DeviceName.CPU);
    }
  }

  /** The selection alone, without the layers and contexts that a wrapper leaves dense. */
  default ReadPolicy unwrapped() {
    return this;
  }

  /**
   * The canonical text. It names every parameter, so that a stored text keeps its meaning when a
   * default changes; {@link #parse} gives an equal policy back.
   */
  default String text() {
    return ReadPolicies.KNOWN.text(this);
  }

  /** All budgets of one way to select, in a few words: what a line of a plot joins. */
  default String family() {
    return ReadPolicies.KNOWN.shortText(this);
  }

  /** The policy in a few words: its family and its budget. */
  default String label() {
    return kvBudget().isPresent() ? family() + " " + kvBudget().getAsInt() : family();
  }

  /**
   * Reads a policy's text. Parameters come in any order; those with a default may be left out.
   *
   * @throws ConfigException naming the policy, the parameter and the value that is wrong
   */
  static ReadPolicy parse(String text) {
    return ReadPolicies.KNOWN.parse(text);
  }
}
