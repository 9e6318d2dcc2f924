import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Builds the kernels' resources; Maven runs it with nothing but a JDK.
 *
 * <p>Always writes {@code kernels.index}: one line {@code threads|symbol|parameters} per kernel, as the sources declare
 * it. With nvcc (at {@code $NVCC}, under {@code $CUDA_HOME/bin}, or on the PATH) it compiles all of {@code src/*.cu} as
 * one unit per architecture, packs {@code kernels.fatbin}, and fails if a hot kernel spills registers. Without nvcc it
 * writes {@code built-without-nvcc.txt} instead, and the build passes. Nothing is compiled again while sources, flags
 * and compiler are the same.
 *
 * <pre>java BuildKernels.java KERNELS_DIR OUTPUT_DIR WORK_DIR</pre>
 */
final class BuildKernels {
  /** 90a has the warpgroup instructions that 90 has not, and runs on the same GPUs, but on no later ones. */
  private static final List<String> ARCHITECTURES = List.of("80", "86", "89", "90a", "100", "120");

  /** The oldest architecture's, so that every newer GPU that has no image of its own can compile it. */
  private static final int PTX_ARCHITECTURE = 80;

  private static final List<String> FLAGS =
      List.of("-std=c++17", "-O3", "-Werror", "all-warnings", "-Xptxas", "-v");

  /** Ops that a decode step or a prefill spends its time in. */
  private static final Pattern HOT =
      Pattern.compile("(score_pages|softmax_scores|top_pages|attend_pages|attend_prefill|score_blocks|top_blocks|linear|append_kv|attend_prefix|score_prefix|softmax_prefix|top_prefix|column_max)(_.*)?");

  private final Path kernels;
  private final Path output;
  private final Path work;

  private BuildKernels(Path kernels, Path output, Path work) {
    this.kernels = kernels;
    this.output = output;
    this.work = work;
  }

  public static void main(String[] arguments) throws Exception {
    if (arguments.length != 3) {
      throw new IllegalArgumentException("usage: BuildKernels.java KERNELS_DIR OUTPUT_DIR WORK_DIR");
    }
    try {
      new BuildKernels(Path.of(arguments[0]), Path.of(arguments[1]), Path.of(arguments[2])).build();
    } catch (BuildFailure e) {
      System.err.println("kernels: " + e.getMessage());
      System.exit(1);
    }
  }

  /** What stops the build, in one sentence. */
  private static final class BuildFailure extends RuntimeException {
    private static final long serialVersionUID = 1;

    BuildFailure(String message) {
      super(message);
    }
  }

  private void build() throws Exception {
    Files.createDirectories(output);
    Files.createDirectories(work);
    List<Path> sources = files(kernels.resolve("src"), ".cu");
    Files.write(output.resolve("kernels.index"), KernelIndex.of(sources));
    Path fatbin = output.resolve("kernels.fatbin");
    Path marker = output.resolve("built-without-nvcc.txt");
    Optional<String> nvcc = findNvcc();
    if (nvcc.isEmpty()) {
      Files.deleteIfExists(fatbin);
      Files.writeString(
          marker,
          "This jar was built on a host without nvcc and carries no CUDA kernels; build it again where nvcc of CUDA 12"
              + " or newer is on the PATH.\n");
      System.out.println("kernels: no nvcc on this host, so the jar carries no CUDA kernels (backend cpu needs none)");
      return;
    }
    Files.deleteIfExists(marker);
    String key = key(sources, nvcc.get());
    Path built = work.resolve("kernels.fatbin.key");
    if (Files.exists(fatbin) && Files.exists(built) && Files.readString(built).equals(key)) {
      return;
    }
    Files.deleteIfExists(built);
    long start = System.nanoTime();
    List<String> architectures = architectures(nvcc.get());
    compile(nvcc.get(), sources, architectures, fatbin);
    Files.writeString(built, key);
    System.out.printf(
        "kernels: compiled %d files for %s in %d s, %d KB%n",
        sources.size(), architectures, (System.nanoTime() - start) / 1_000_000_000, Files.size(fatbin) / 1024);
  }

  /** Those that this nvcc knows; GPUs of the others compile the PTX when they load it. */
  private static List<String> architectures(String nvcc) {
    List<String> known = List.of(run(List.of(nvcc, "--list-gpu-code")).split("\\s+"));
    List<String> left = new ArrayList<>(ARCHITECTURES);
    left.removeIf(architecture -> known.contains("sm_" + architecture.replace("a", ""))); // it lists no sm_90a
    if (left.contains(String.valueOf(PTX_ARCHITECTURE))) {
      throw new BuildFailure(nvcc + " does not know sm_" + PTX_ARCHITECTURE + "; use nvcc of CUDA 12 or 13");
    }
    if (!left.isEmpty()) {
      System.out.println(
          "kernels: this nvcc does not know the architectures "
              + left
              + ", whose GPUs will compile the kernels from PTX when they start; nvcc of CUDA 12.8 or newer knows them");
    }
    return ARCHITECTURES.stream().filter(architecture -> !left.contains(architecture)).toList();
  }

  private static Optional<String> findNvcc() {
    List<Path> places = new ArrayList<>();
    Optional.ofNullable(System.getenv("NVCC")).ifPresent(path -> places.add(Path.of(path)));
    Optional.ofNullable(System.getenv("CUDA_HOME")).ifPresent(home -> places.add(Path.of(home, "bin", "nvcc")));
    for (String directory : Optional.ofNullable(System.getenv("PATH")).orElse("").split(":")) {
      places.add(Path.of(directory, "nvcc"));
    }
    return places.stream().filter(file -> Files.isRegularFile(file) && Files.isExecutable(file)).map(Path::toString).findFirst();
  }

  private static List<Path> files(Path directory, String suffix) throws IOException {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.filter(file -> file.toString().endsWith(suffix)).sorted().toList();
    }
  }

  /** Changes with any source, header, flag or compiler. */
  private String key(List<Path> sources, String nvcc) throws IOException, NoSuchAlgorithmException {
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    digest.update((FLAGS + " " + ARCHITECTURES + " " + run(List.of(nvcc, "--version"))).getBytes(StandardCharsets.UTF_8));
    List<Path> all = new ArrayList<>(sources);
    all.addAll(files(kernels.resolve("include"), ".cuh"));
    for (Path file : all) {
      digest.update(file.getFileName().toString().getBytes(StandardCharsets.UTF_8));
      digest.update(Files.readAllBytes(file));
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  /** All files as one unit: a driver loads one module, and nvcc's start-up is paid once per architecture. */
  private void compile(String nvcc, List<Path> sources, List<String> architectures, Path fatbin) throws Exception {
    Path unit = work.resolve("quest.cu");
    Files.write(unit, sources.stream().map(file -> "#include \"" + file.toAbsolutePath() + "\"").toList());
    List<String> images = new ArrayList<>();
    ExecutorService pool = Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors());
    try {
      List<Future<String>> logs = new ArrayList<>();
      for (String architecture : architectures) {
        Path cubin = work.resolve("sm_" + architecture + ".cubin");
        logs.add(pool.submit(compileTo(nvcc, unit, "-cubin", "sm_" + architecture, cubin)));
        images.add("--image3=kind=elf,sm=" + architecture + ",file=" + cubin);
      }
      Path ptx = work.resolve("compute_" + PTX_ARCHITECTURE + ".ptx");
      Future<String> portable = pool.submit(compileTo(nvcc, unit, "-ptx", "compute_" + PTX_ARCHITECTURE, ptx));
      images.add("--image3=kind=ptx,sm=" + PTX_ARCHITECTURE + ",file=" + ptx);
      for (int i = 0; i < architectures.size(); i++) {
        Path log = work.resolve("sm_" + architectures.get(i) + ".resources");
        Files.writeString(log, await(logs.get(i)));
        refuseSpills(log);
      }
      await(portable);
    } finally {
      pool.shutdownNow();
    }
    List<String> pack = new ArrayList<>(List.of(fatbinary(nvcc, unit), "--create=" + fatbin, "-64"));
    pack.addAll(images);
    run(pack);
  }

  private Callable<String> compileTo(String nvcc, Path unit, String kind, String architecture, Path result) {
    List<String> command = new ArrayList<>(List.of(nvcc, kind, "-arch=" + architecture));
    command.addAll(FLAGS);
    command.addAll(List.of("-I" + kernels.resolve("include").toAbsolutePath(), "-o", result.toString()));
    command.add(unit.toString());
    return () -> run(command);
  }

  /** The packer that belongs to this nvcc, which may itself be a wrapper or a link. */
  private String fatbinary(String nvcc, Path unit) {
    Matcher here =
        Pattern.compile("#\\$ _HERE_=(.*)").matcher(run(List.of(nvcc, "--dryrun", "-fatbin", unit.toString())));
    return here.find() ? here.group(1).strip() + "/fatbinary" : "fatbinary";
  }

  /** Spilled registers are memory traffic that no design here accounts for. */
  private static void refuseSpills(Path log) throws IOException {
    TreeMap<String, String> spilling = new TreeMap<>();
    String kernel = "";
    for (String line : Files.readAllLines(log)) {
      Matcher entry = Pattern.compile("Compiling entry function '(\\w+)'").matcher(line);
      if (entry.find()) {
        kernel = entry.group(1);
      } else if (line.contains("bytes spill stores") && !line.contains(" 0 bytes spill stores, 0 bytes spill loads")) {
        spilling.put(kernel, line.strip());
      }
    }
    spilling.keySet().removeIf(name -> !HOT.matcher(name).matches());
    if (!spilling.isEmpty()) {
      throw new BuildFailure(
          "hot kernels spill registers in " + log.getFileName() + ": " + spilling + "; raise their launch bounds");
    }
  }

  private static String await(Future<String> result) throws InterruptedException {
    try {
      return result.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof BuildFailure failure) {
        throw failure;
      }
      throw new IllegalStateException(e.getCause());
    }
  }

  /** Runs a command; gives its output, or fails with it. */
  private static String run(List<String> command) {
    try {
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      process.getOutputStream().close();
      String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      int status = process.waitFor();
      if (status != 0) {
        throw new BuildFailure(String.join(" ", command) + " ended with status " + status + ":\n" + text);
      }
      return text;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BuildFailure("interrupted");
    }
  }

  /** The kernels' declarations, read from the sources as text: their dtype macros are expanded, nothing else. */
  private static final class KernelIndex {
    private static final Pattern MACRO =
        Pattern.compile("(?m)^#define (\\w+)\\(([^)]*)\\)([^\\n]*extern \"C\"[^\\n]*)\\n");
    private static final Pattern KERNEL =
        Pattern.compile(
            "extern \"C\" __global__ void __launch_bounds__\\(\\s*(\\d+)[^)]*\\)\\s*(\\w+)\\s*\\(([^)]*)\\)");

    static List<String> of(List<Path> sources) throws IOException {
      List<String> lines = new ArrayList<>();
      for (Path source : sources) {
        int before = lines.size();
        String text = Files.readString(source).replaceAll("//[^\\n]*", "").replace("\\\n", " ");
        Matcher macro = MACRO.matcher(text);
        if (macro.find()) {
          String[] names = macro.group(2).split(",\\s*");
          for (List<String> values : invocations(text, macro.group(1))) {
            addKernels(lines, expand(macro.group(3), names, values));
          }
        } else {
          addKernels(lines, text);
        }
        if (lines.size() == before) {
          throw new BuildFailure(source + " declares no kernel that the index can read");
        }
      }
      return lines;
    }

    /** Arguments of each use of a macro; a comma between angle brackets separates none. */
    private static List<List<String>> invocations(String text, String name) {
      List<List<String>> uses = new ArrayList<>();
      Matcher use = Pattern.compile("(?m)^" + name + "\\((.*)\\)$").matcher(text);
      while (use.find()) {
        uses.add(Stream.of(use.group(1).split(",(?![^<]*>)", -1)).map(String::strip).toList());
      }
      return uses;
    }

    private static String expand(String body, String[] names, List<String> values) {
      String text = body;
      for (int i = 0; i < names.length; i++) {
        String name = names[i].equals("...") ? "__VA_ARGS__" : names[i];
        text = text.replaceAll("\\b" + name + "\\b", Matcher.quoteReplacement(values.get(i)));
      }
      return text.replaceAll("\\s*##\\s*", "");
    }

    private static void addKernels(List<String> lines, String text) {
      Matcher kernel = KERNEL.matcher(text);
      while (kernel.find()) {
        String parameters = kernel.group(3).replace("__restrict__", "").replaceAll("\\s+", " ").strip();
        lines.add(kernel.group(1) + "|" + kernel.group(2) + "|" + parameters);
      }
    }
  }
}
