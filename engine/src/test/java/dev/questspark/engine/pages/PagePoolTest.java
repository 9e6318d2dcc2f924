package dev.questspark.engine.pages;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.Arrays;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class PagePoolTest {

  @Test
  void handsOutEveryPageOnceAndNeverTheNullPage() {
    PagePool pool = new PagePool(5);
    TreeSet<Integer> pages = new TreeSet<>();
    for (int i = 0; i < 5; i++) {
      assertThat(pool.free()).isEqualTo(5 - i);
      pages.add(pool.allocate().orElseThrow());
    }
    assertThat(pages).containsExactly(1, 2, 3, 4, 5);
    assertThat(pool.allocate()).isEmpty();
    assertThat(pool.total()).isEqualTo(5);
  }

  @Test
  void aPageIsFreeWhenItsLastHolderLetsGo() {
    PagePool pool = new PagePool(1);
    int page = pool.allocate().orElseThrow();
    pool.retain(page);
    pool.release(page);
    assertThat(pool.holders(page)).isEqualTo(1);
    assertThat(pool.allocate()).isEmpty();
    pool.release(page);
    assertThat(pool.holders(page)).isZero();
    assertThat(pool.allocate()).hasValue(page);
  }

  @Test
  void countsLikeAPlainArrayOfCountsUnderRandomCalls() {
    Random random = new Random(7);
    int total = 13;
    PagePool pool = new PagePool(total);
    int[] expected = new int[total + 1];
    for (int call = 0; call < 20_000; call++) {
      int page = 1 + random.nextInt(total);
      int verb = random.nextInt(3);
      if (verb == 0) {
        pool.allocate().ifPresent(given -> assertThat(expected[given]++).isZero());
      } else if (expected[page] > 0) {
        expected[page] += verb == 1 ? 1 : -1;
        if (verb == 1) {
          pool.retain(page);
        } else {
          pool.release(page);
        }
      }
      assertThat(pool.holders(page)).isEqualTo(expected[page]);
      assertThat(total - pool.free())
          .isEqualTo((int) Arrays.stream(expected).filter(count -> count > 0).count());
    }
  }

  @Test
  void wrongUseIsNamedWithNumbers() {
    PagePool pool = new PagePool(3);
    assertThatIllegalStateException()
        .isThrownBy(() -> pool.release(2))
        .withMessage("page 2 is released but has no holder (3 of 3 pages are free)");
    assertThatIllegalStateException()
        .isThrownBy(() -> pool.retain(3))
        .withMessage("page 3 is retained but has no holder (3 of 3 pages are free)");
    assertThatIllegalStateException()
        .isThrownBy(() -> pool.release(0))
        .withMessage("page 0 is not one of 1 to 3");
    assertThatIllegalStateException()
        .isThrownBy(() -> pool.holders(4))
        .withMessage("page 4 is not one of 1 to 3");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new PagePool(0))
        .withMessageContaining("0");
  }
}
