package dev.questspark.engine.pages;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class PageTableTest {

  @Test
  void findsThePageAndSlotOfATokenPosition() {
    PageTable table = new PageTable(4);
    table.append(9);
    table.append(2);
    assertThat(table.page(3)).isEqualTo(9);
    assertThat(table.slot(3)).isEqualTo(3);
    assertThat(table.page(4)).isEqualTo(2);
    assertThat(table.slot(4)).isZero();
    assertThat(table.holds(7)).isTrue();
    assertThat(table.holds(8)).isFalse();
    assertThatIllegalStateException()
        .isThrownBy(() -> table.page(8))
        .withMessage("logical page 2 of a table of 2");
  }

  @Test
  void aSnapshotIsSharedUntilTheTableGrowsAndNeverChanges() {
    PageTable table = new PageTable(1);
    for (int page = 1; page <= 100; page++) {
      int[] before = table.snapshot();
      assertThat(table.snapshot()).isSameAs(before);
      table.append(page);
      assertThat(before).hasSize(page - 1);
      assertThat(table.snapshot()).containsExactly(IntStream.rangeClosed(1, page).toArray());
    }
    int[] last = table.snapshot();
    table.clear();
    assertThat(table.pages()).isZero();
    assertThat(table.snapshot()).isEmpty();
    assertThat(last).hasSize(100);
  }

  @Test
  void refusesTheNullPageAndEmptyPages() {
    assertThatIllegalStateException()
        .isThrownBy(() -> new PageTable(4).append(0))
        .withMessage("page 0 cannot stand in a page table");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new PageTable(0))
        .withMessage("page size is 0 tokens; at least 1");
  }
}
