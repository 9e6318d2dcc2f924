package dev.questspark.job.options.keys;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** A titled group of options, filled by their declarations. */
public final class OptionSection {
  private final String title;
  private final List<OptionKey<?>> keys = new ArrayList<>();

  OptionSection(String title) {
    this.title = title;
  }

  void add(OptionKey<?> key) {
    keys.add(key);
  }

  public String title() {
    return title;
  }

  public List<OptionKey<?>> keys() {
    return Collections.unmodifiableList(keys);
  }
}
