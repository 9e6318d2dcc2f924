package dev.questspark.job.cluster;

import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;

/**
 * Runs another class's {@code main} and halts the JVM when the parent process ends, however it
 * ends: the parent holds the other end of standard input. No test leaves a process behind.
 */
final class ExitsWithParent {
  private ExitsWithParent() {}

  public static void main(String[] args) throws Throwable {
    Thread watch = new Thread(() -> awaitEnd(System.in), "parent-watch");
    watch.setDaemon(true);
    watch.start();
    try {
      Class.forName(args[0])
          .getMethod("main", String[].class)
          .invoke(null, (Object) Arrays.copyOfRange(args, 1, args.length));
    } catch (java.lang.reflect.InvocationTargetException thrown) {
      throw thrown.getCause();
    }
  }

  private static void awaitEnd(InputStream parent) {
    try {
      while (parent.read() >= 0) {
        continue;
      }
    } catch (IOException gone) {
      // as good as the end
    }
    Runtime.getRuntime().halt(1);
  }
}
