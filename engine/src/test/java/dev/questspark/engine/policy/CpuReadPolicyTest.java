package dev.questspark.engine.policy;

import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.ops.backend.DeviceName;

class CpuReadPolicyTest extends ReadPolicyContract {
  @Override
  DeviceName device() {
    return DeviceName.CPU;
  }

  @Override
  PageShape shape() {
    return new PageShape(16, 8);
  }
}
