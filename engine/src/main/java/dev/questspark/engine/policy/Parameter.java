package dev.questspark.engine.policy;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** Describes a policy's parameter, which is a component of its record. */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.RECORD_COMPONENT)
public @interface Parameter {
  /** What it means, in one sentence. */
  String description();

  /** Its value where a text leaves it out, as a user would write it; empty if it must be given. */
  String defaultValue() default "";
}
