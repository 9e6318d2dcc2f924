package dev.questspark.engine.policy;

import dev.questspark.engine.ops.backend.DeviceName;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.select.SelectionScratch;
import java.util.OptionalInt;
import java.util.Set;

/** A policy that leaves some rows or layers dense and asks another policy for the rest. */
interface PolicyWrapper extends ReadPolicy {
  /** The policy inside. */
  ReadPolicy policy();

  /** What stays dense, in a few words. */
  String leavesDense();

  @Override
  default Set<PageScore> digests() {
    return policy().digests();
  }

  @Override
  default Set<SelectionScratch> scratch() {
    return policy().scratch();
  }

  @Override
  default OptionalInt kvBudget() {
    return policy().kvBudget();
  }

  @Override
  default boolean dense() {
    return policy().dense();
  }

  @Override
  default boolean control() {
    return policy().control();
  }

  @Override
  default void requireRunsOn(DeviceName device) {
    policy().requireRunsOn(device);
  }

  @Override
  default ReadPolicy unwrapped() {
    return policy().unwrapped();
  }

  @Override
  default String family() {
    return policy().family() + ", " + leavesDense();
  }

  @Override
  default String label() {
    return policy().label() + ", " + leavesDense();
  }
}
