package dev.questspark.engine.jinja;

import dev.questspark.engine.jinja.python.Value;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** Variables of a template, a loop's turn, a macro's call or the like, within an outer frame. */
final class Frame {
  private final Optional<Frame> outer;
  private final Map<String, Object> variables = new HashMap<>();

  Frame(Optional<Frame> outer) {
    this.outer = outer;
  }

  Frame inner() {
    return new Frame(Optional.of(this));
  }

  void set(String name, Object value) {
    variables.put(name, value);
  }

  /** The variable of the innermost frame that knows the name; else ABSENT. */
  Object get(String name) {
    Frame frame = this;
    while (!frame.variables.containsKey(name)) {
      if (frame.outer.isEmpty()) {
        return Value.ABSENT;
      }
      frame = frame.outer.get();
    }
    return frame.variables.get(name);
  }
}
