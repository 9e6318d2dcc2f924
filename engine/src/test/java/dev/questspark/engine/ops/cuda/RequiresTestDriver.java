package dev.questspark.engine.ops.cuda;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A test of the lane {@code cuda} that runs on the {@link TestDriver} alone. Skipped on a real GPU
 * ({@code -Dquestspark.gpu=true}); otherwise fails where the driver is not built.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Tag("cuda")
@ExtendWith(RequiresTestDriver.Condition.class)
public @interface RequiresTestDriver {

  /** Skips methods, not classes, so that the summary counts them; resets the driver before each. */
  final class Condition implements ExecutionCondition, BeforeEachCallback {
    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
      return Boolean.getBoolean("questspark.gpu") && context.getTestMethod().isPresent()
          ? ConditionEvaluationResult.disabled("needs the test driver, not a GPU")
          : ConditionEvaluationResult.enabled("");
    }

    @Override
    public void beforeEach(ExtensionContext context) {
      TestDriver.require();
      TestDriver.reset();
    }
  }
}
