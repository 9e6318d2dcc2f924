package dev.questspark.engine.ops.cuda;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A test class that runs whole models. It launches the kernels so often that the search for data
 * races would triple its time, so that the lane {@code cuda} leaves the search out here. The lane
 * {@code races} runs the same classes with it.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Tag("races")
@ExtendWith(WholeModels.Search.class)
public @interface WholeModels {

  /**
   * Switches the search; stands after whatever resets the driver. Alone on a class whose kernels
   * the contracts search already: the lane {@code races} leaves such a class out.
   */
  final class Search implements BeforeEachCallback, AfterEachCallback {
    @Override
    public void beforeEach(ExtensionContext context) {
      if (TestDriver.isBuilt() && !"races".equals(System.getProperty("questspark.lane"))) {
        TestDriver.races(false);
      }
    }

    @Override
    public void afterEach(ExtensionContext context) {
      if (TestDriver.isBuilt()) {
        TestDriver.reset();
      }
    }
  }
}
