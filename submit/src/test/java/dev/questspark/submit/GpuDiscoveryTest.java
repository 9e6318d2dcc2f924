package dev.questspark.submit;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The discovery script beside a fake {@code nvidia-smi}. */
class GpuDiscoveryTest {
  private static final Path SCRIPT = Path.of("gpu-discovery.sh").toAbsolutePath();

  @TempDir Path folder;

  private Process run(String lines) throws IOException {
    Path fake = folder.resolve("nvidia-smi");
    Files.writeString(fake, "#!/bin/sh\nprintf '" + lines + "'\n");
    assertThat(fake.toFile().setExecutable(true)).isTrue();
    ProcessBuilder builder = new ProcessBuilder(SCRIPT.toString());
    builder.environment().merge("PATH", folder.toString(), (path, own) -> own + ":" + path);
    return builder.start();
  }

  private static String read(java.io.InputStream stream) throws IOException {
    return new String(stream.readAllBytes(), StandardCharsets.UTF_8).strip();
  }

  @Test
  void everyGpuIsAnAddress() throws Exception {
    Process two = run("0\\n1\\n");
    assertThat(read(two.getInputStream()))
        .isEqualTo("{\"name\": \"gpu\", \"addresses\": [\"0\", \"1\"]}");
    assertThat(two.waitFor()).isZero();
    assertThat(read(run("").getInputStream())).isEqualTo("{\"name\": \"gpu\", \"addresses\": []}");
  }

  @Test
  void aHostWithoutADriverSaysSo() throws Exception {
    ProcessBuilder builder = new ProcessBuilder("/bin/sh", SCRIPT.toString());
    builder.environment().put("PATH", "/nowhere");
    Process none = builder.start();
    assertThat(none.waitFor()).isNotZero();
    assertThat(read(none.getErrorStream())).containsPattern("no NVIDIA driver|not found");
    assertThat(read(none.getInputStream())).isEmpty();
  }
}
