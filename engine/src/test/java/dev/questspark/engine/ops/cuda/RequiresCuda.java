package dev.questspark.engine.ops.cuda;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A test of the lane {@code cuda} that runs on the {@link TestDriver} and, with {@code
 * -Dquestspark.gpu=true}, on a real GPU. Fails where there is neither.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Tag("cuda")
@ExtendWith(RequiresCuda.Condition.class)
public @interface RequiresCuda {

  /** Says what is missing, instead of the error of a library that does not load. */
  final class Condition implements BeforeAllCallback {
    @Override
    public void beforeAll(ExtensionContext context) {
      if (!Boolean.getBoolean("questspark.gpu")) {
        TestDriver.require();
      }
    }
  }
}
