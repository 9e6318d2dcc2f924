package dev.questspark.engine.model;

import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.TensorOps;
import dev.questspark.engine.ops.backend.Backend;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A real backend that also writes down every page list that {@code topPages} fills. */
final class SelectionRecorder {
  private final List<List<Integer>> selections = new ArrayList<>();
  private final Backend backend;

  SelectionRecorder(Backend real) {
    TensorOps ops = recording(TensorOps.class, real.ops());
    this.backend =
        (Backend)
            Proxy.newProxyInstance(
                Backend.class.getClassLoader(),
                new Class<?>[] {Backend.class},
                (proxy, method, arguments) ->
                    method.getName().equals("ops") ? ops : invoke(real, method, arguments));
  }

  private <T> T recording(Class<T> type, T real) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (proxy, method, arguments) -> {
              Object result = invoke(real, method, arguments);
              if (method.getName().equals("topPages")) {
                record((PageList) arguments[0], (RowRange) arguments[5]);
              }
              return result;
            }));
  }

  private static Object invoke(Object real, java.lang.reflect.Method method, Object[] arguments)
      throws Throwable {
    try {
      return method.invoke(real, arguments);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }

  private void record(PageList list, RowRange rows) {
    for (int row = 0; row < rows.count(); row++) {
      for (int head = 0; head < list.shape().kvHeads(); head++) {
        selections.add(Arrays.stream(list.read(row, head)).boxed().toList());
      }
    }
  }

  Backend backend() {
    return backend;
  }

  /** One list per (layer, row, KV head) of every step, in order. */
  List<List<Integer>> selections() {
    return selections;
  }
}
