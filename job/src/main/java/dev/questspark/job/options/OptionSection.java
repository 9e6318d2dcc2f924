package dev.questspark.job.options;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** A titled group of options, filled by their declarations. */
final class OptionSection {
  private final String title;
  private final List<OptionKey<?>> keys = new ArrayList<>();

  private final boolean decidesAnswers;

  /**
   * @param decidesAnswers whether every option of the section can change what an answer says
   */
  OptionSection(String title, boolean decidesAnswers) {
    this.title = title;
    this.decidesAnswers = decidesAnswers;
  }

  boolean decidesAnswers() {
    return decidesAnswers;
  }

  void add(OptionKey<?> key) {
    keys.add(key);
  }

  String title() {
    return title;
  }

  List<OptionKey<?>> keys() {
    return Collections.unmodifiableList(keys);
  }
}
