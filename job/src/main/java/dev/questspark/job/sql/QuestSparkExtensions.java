package dev.questspark.job.sql;

import dev.questspark.job.plugin.SparkVersion;
import dev.questspark.job.sql.call.EngineFunction;
import org.apache.spark.sql.SparkSessionExtensions;
import scala.runtime.AbstractFunction1;
import scala.runtime.BoxedUnit;

/**
 * What {@code spark.sql.extensions=dev.questspark.job.sql.QuestSparkExtensions} adds to a session:
 * the functions of {@link EngineFunction}, for SQL, the DataFrame API and PySpark alike.
 */
public final class QuestSparkExtensions
    extends AbstractFunction1<SparkSessionExtensions, BoxedUnit> {
  @Override
  public BoxedUnit apply(SparkSessionExtensions extensions) {
    SparkVersion.check();
    SessionFunctions.registerBuiltIn();
    extensions.injectPostHocResolutionRule(session -> new RefuseMisplacedCalls());
    extensions.injectOptimizerRule(session -> new ExtractCalls());
    extensions.injectOptimizerRule(session -> new PushDownBelowEngineCalls());
    extensions.injectPlannerStrategy(session -> new EngineCallsStrategy());
    return BoxedUnit.UNIT;
  }
}
