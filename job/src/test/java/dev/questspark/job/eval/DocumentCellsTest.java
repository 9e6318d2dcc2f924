package dev.questspark.job.eval;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

class DocumentCellsTest {
  private static final CachePolicy A_SHAPE = CachePolicy.parse("a_shape");
  private static final ReadPolicy DENSE = ReadPolicy.parse("dense");
  private static final ReadPolicy QUEST = ReadPolicy.parse("quest(budget=64)");
  private static final List<ReadPolicy> POLICIES = List.of(DENSE, QUEST);

  /** Named n-dense, n-quest, a-dense, a-quest, study (of A_SHAPE) and speed. */
  private static final DocumentCells CELLS = cells();

  private static DocumentCells cells() {
    Map<PolicyPair, String> answers = new LinkedHashMap<>();
    answers.put(new PolicyPair(CachePolicy.NONE, DENSE), "n-dense");
    answers.put(new PolicyPair(CachePolicy.NONE, QUEST), "n-quest");
    answers.put(new PolicyPair(A_SHAPE, DENSE), "a-dense");
    answers.put(new PolicyPair(A_SHAPE, QUEST), "a-quest");
    return new DocumentCells(answers, Map.of(A_SHAPE, "study"), Optional.of("speed"));
  }

  private static DocumentCells.Missing without(String... missing) {
    return CELLS.missing(name -> !Set.of(missing).contains(name));
  }

  @Test
  void nothingIsAskedWhereAllIsThere() {
    assertThat(without().nothing()).isTrue();
    assertThat(without("a-quest").nothing()).isFalse();
    assertThat(CELLS.names())
        .containsExactly("n-dense", "n-quest", "a-dense", "a-quest", "study", "speed");
  }

  @Test
  void aMissingPairIsAskedBesideWhatItIsHeldAgainst() {
    DocumentCells.Missing missing = without("a-quest");
    assertThat(missing.asked(CachePolicy.NONE, POLICIES)).containsExactly(DENSE);
    assertThat(missing.asked(A_SHAPE, POLICIES)).containsExactly(QUEST);
    assertThat(missing.together()).isFalse();
  }

  @Test
  void speedAloneAsksNoQuestions() {
    DocumentCells.Missing missing = without("speed");
    assertThat(missing.together()).isTrue();
    assertThat(missing.asked(CachePolicy.NONE, POLICIES)).isEmpty();
    assertThat(missing.asked(A_SHAPE, POLICIES)).isEmpty();
  }

  @Test
  void aStudyAloneAsksNoQuestionsAndMeasuresNoSpeed() {
    DocumentCells.Missing missing = without("study");
    assertThat(missing.nothing()).isFalse();
    assertThat(missing.prefills()).containsExactly(A_SHAPE);
    assertThat(missing.together()).isFalse();
    assertThat(missing.asked(A_SHAPE, POLICIES)).isEmpty();
    assertThat(without("speed").prefills()).isEmpty();
  }

  @Test
  void onlyDenseAttentionOnAllOfTheDocumentIsTheReference() {
    assertThat(CELLS.answers().keySet())
        .filteredOn(PolicyPair::reference)
        .containsExactly(new PolicyPair(CachePolicy.NONE, DENSE));
  }
}
