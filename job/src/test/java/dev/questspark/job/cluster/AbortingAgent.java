package dev.questspark.job.cluster;

import dev.questspark.engine.DocumentRequest;
import java.io.IOException;
import java.lang.instrument.Instrumentation;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import net.bytebuddy.agent.builder.AgentBuilder;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.matcher.ElementMatchers;

/**
 * Makes an engine's process abort over one document, as native code does that runs into a bug: a
 * Java agent for executors, whose classes are on their class path.
 */
public final class AbortingAgent {
  private AbortingAgent() {}

  /** Options for a JVM that shall abort over documents whose id begins so. */
  public static String options(Path folder, String id) throws IOException {
    Path jar = folder.resolve("aborting-agent.jar");
    Manifest manifest = new Manifest();
    manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
    manifest.getMainAttributes().putValue("Premain-Class", AbortingAgent.class.getName());
    new JarOutputStream(Files.newOutputStream(jar), manifest).close();
    return "-javaagent:%s=%s -XX:ErrorFile=%s/abort-%%p.log".formatted(jar, id, folder);
  }

  /** Entry of the agent. */
  public static void premain(String id, Instrumentation jvm) {
    System.setProperty(AbortingAgent.class.getName(), id);
    new AgentBuilder.Default()
        .type(ElementMatchers.named("dev.questspark.engine.Engine"))
        .transform(
            (builder, type, loader, module, domain) ->
                builder.visit(Advice.to(Submitted.class).on(ElementMatchers.named("submit"))))
        .installOn(jvm);
  }

  /** Woven into the engine. */
  public static final class Submitted {
    private Submitted() {}

    /** Before the method. */
    @Advice.OnMethodEnter
    public static void enter(@Advice.Argument(0) DocumentRequest request) {
      abortOver(request);
    }
  }

  /** Writes to address 0: SIGSEGV, and the JVM aborts. */
  public static void abortOver(DocumentRequest request) {
    if (!String.valueOf(request.documentId())
        .startsWith(System.getProperty(AbortingAgent.class.getName()))) {
      return;
    }
    try {
      Class<?> unsafe = Class.forName("sun.misc.Unsafe");
      Field instance = unsafe.getDeclaredField("theUnsafe");
      instance.setAccessible(true);
      unsafe.getMethod("putAddress", long.class, long.class).invoke(instance.get(null), 0L, 0L);
    } catch (ReflectiveOperationException unknownJvm) {
      throw new IllegalStateException(unknownJvm);
    }
  }
}
