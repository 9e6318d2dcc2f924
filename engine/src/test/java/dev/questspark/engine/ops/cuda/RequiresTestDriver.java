package dev.questspark.engine.ops.cuda;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A test that runs on the {@link TestDriver}. Where a build leaves that out ({@code -P
 * no-cuda-tests}) every method counts as skipped.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(RequiresTestDriver.Condition.class)
public @interface RequiresTestDriver {

  /** Skips methods, not classes, so that the summary counts them; resets the driver before each. */
  final class Condition implements ExecutionCondition, BeforeEachCallback {
    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
      return TestDriver.isBuilt() || context.getTestMethod().isEmpty()
          ? ConditionEvaluationResult.enabled("")
          : ConditionEvaluationResult.disabled("built with -P no-cuda-tests");
    }

    @Override
    public void beforeEach(ExtensionContext context) {
      TestDriver.reset();
    }
  }
}
