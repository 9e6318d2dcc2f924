package dev.questspark.job.sql.call;

import java.util.List;
import scala.Product;

/**
 * A node of Catalyst's trees as Scala would have made it of a case class: Spark compares, prints
 * and copies nodes by their constructor's arguments.
 */
public interface CatalystNode extends Product {
  /** The constructor's arguments, in order. */
  List<Object> constructorArguments();

  @Override
  default int productArity() {
    return constructorArguments().size();
  }

  @Override
  default Object productElement(int at) {
    return constructorArguments().get(at);
  }

  @Override
  default boolean canEqual(Object other) {
    return getClass().isInstance(other);
  }

  /** What {@code equals} is for a case class. */
  default boolean equalNode(Object other) {
    return canEqual(other) && productIterator().sameElements(((Product) other).productIterator());
  }
}
