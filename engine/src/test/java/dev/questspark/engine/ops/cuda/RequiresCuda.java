package dev.questspark.engine.ops.cuda;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A test that runs on the {@link TestDriver} and, with {@code -Dquestspark.gpu=true}, on a real
 * GPU.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(RequiresCuda.Condition.class)
public @interface RequiresCuda {

  /** Skips methods, not classes, so that the summary counts them. */
  final class Condition implements ExecutionCondition {
    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
      return TestDriver.isBuilt()
              || Boolean.getBoolean("questspark.gpu")
              || context.getTestMethod().isEmpty()
          ? ConditionEvaluationResult.enabled("")
          : ConditionEvaluationResult.disabled("built with -P no-cuda-tests, and no GPU asked for");
    }
  }
}
