package dev.questspark.job.sql.call;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.AttributeSet;
import org.apache.spark.sql.catalyst.expressions.Expression;
import scala.collection.Iterable;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/** Java lists and Scala sequences, as Spark's plans hold them. */
public final class Plans {
  private Plans() {}

  public static <T> Seq<T> seq() {
    return seq(List.of());
  }

  public static <T> Seq<T> seq(T element) {
    return seq(List.of(element));
  }

  public static <T> Seq<T> seq(List<? extends T> elements) {
    return CollectionConverters.<T>asScala(new ArrayList<T>(elements)).toSeq();
  }

  public static <T> List<T> list(Iterable<T> elements) {
    return new ArrayList<>(CollectionConverters.asJavaCollection(elements));
  }

  public static <T> Seq<T> concat(Iterable<? extends T> first, Iterable<? extends T> second) {
    List<T> all = new ArrayList<>(CollectionConverters.asJavaCollection(first));
    all.addAll(CollectionConverters.asJavaCollection(second));
    return seq(all);
  }

  public static AttributeSet set(Seq<Attribute> attributes) {
    return AttributeSet.apply(Plans.<Expression>seq(list(attributes)));
  }
}
