package dev.questspark.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The build with compilers of earlier toolkits, for which a script stands in. */
class BuildKernelsTest {
  /** Knows some architectures, and refuses the others as nvcc does. */
  private static final String NVCC =
      """
      #!/bin/sh
      # $*
      case "$*" in
        *--version*) echo "Cuda compilation tools, release %s"; exit ;;
        *--list-gpu-code*) for a in %s; do echo "sm_$a"; done; exit ;;
        *--dryrun*) echo "#\\$ _HERE_=$(dirname "$0")"; exit ;;
      esac
      for word in "$@"; do
        case "$word" in -arch=*) arch=${word#-arch=} ;; esac
        [ "$last" = -o ] && out=$word
        last=$word
      done
      base=${arch#*_}
      case " %s 80 " in
        *" ${base%%a} "*) echo "release %s for $arch" >"$out" ;;
        *) echo "nvcc fatal: Unsupported gpu architecture '$arch'"; exit 1 ;;
      esac
      """;

  private static final String FATBINARY =
      """
      #!/bin/sh
      for word in "$@"; do
        case "$word" in
          --create=*) out=${word#--create=} ;;
          --image3=*) echo "$word" | sed 's/,file=.*//' ;;
        esac
      done >"$(dirname "$0")/packed"
      for word in "$@"; do case "$word" in --create=*) mv "$(dirname "$0")/packed" "${word#--create=}" ;; esac; done
      """;

  @TempDir Path folder;

  private Path script(String name, String text) throws IOException {
    Path script = Files.writeString(folder.resolve(name), text);
    assertThat(script.toFile().setExecutable(true)).isTrue();
    return script;
  }

  @ParameterizedTest
  @CsvSource({
    "12.0, 80 86 89 90, '[100, 120]'",
    "12.4, 80 86 89 90, '[100, 120]'",
    "12.8, 80 86 89 90 100 120, ''",
    "13.0, 80 86 89 90 100 103 120 121, ''",
  })
  void anNvccCompilesWhatItKnows(String release, String known, String left) throws Exception {
    Path nvcc = script("nvcc", NVCC.formatted(release, known, known, release));
    script("fatbinary", FATBINARY);
    Path output = folder.resolve("output");
    Process build = build(nvcc, output);
    String said = new String(build.getInputStream().readAllBytes());
    assertThat(build.waitFor()).as(said).isZero();

    List<String> images = Files.readAllLines(output.resolve("kernels.fatbin"));
    assertThat(images)
        .containsExactlyElementsOf(
            Stream.concat(
                    Stream.of("80", "86", "89", "90a", "100", "120")
                        .filter(
                            architecture ->
                                List.of(known.split(" ")).contains(architecture.replace("a", "")))
                        .map(architecture -> "--image3=kind=elf,sm=" + architecture),
                    Stream.of("--image3=kind=ptx,sm=80"))
                .toList());
    if (left.isEmpty()) {
      assertThat(said).doesNotContain("does not know");
    } else {
      assertThat(said).contains("does not know the architectures " + left);
    }
  }

  @ParameterizedTest
  @CsvSource({"10.2, 35 50 60 70"})
  void anOlderOneIsRefusedInOneSentence(String release, String known) throws Exception {
    Path nvcc = script("nvcc", NVCC.formatted(release, known, known, release));
    Process build = build(nvcc, folder.resolve("output"));
    String said = new String(build.getInputStream().readAllBytes());
    assertThat(build.waitFor()).isEqualTo(1);
    assertThat(said).contains("does not know sm_80").doesNotContain("at ");
  }

  private Process build(Path nvcc, Path output) throws IOException {
    ProcessBuilder build =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "build/BuildKernels.java",
            ".",
            output.toString(),
            folder.resolve("work").toString());
    build.environment().put("NVCC", nvcc.toString());
    return build.redirectErrorStream(true).start();
  }
}
