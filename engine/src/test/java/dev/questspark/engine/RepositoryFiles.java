package dev.questspark.engine;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Every file of the repository that somebody wrote, for the tests of its style and documents.
 *
 * @param root the folder that holds {@code mvnw}
 * @param files below it, without build outputs
 */
record RepositoryFiles(Path root, List<Path> files) {
  private static final Set<String> NOT_OURS =
      Set.of(
          ".git", ".idea", ".vscode", ".venv", "venv", "target", "__pycache__", "spark-warehouse");

  static RepositoryFiles find() throws IOException {
    Path root = Path.of("").toAbsolutePath();
    while (!Files.exists(root.resolve("mvnw"))) {
      root = root.getParent();
      if (root == null) {
        throw new IllegalStateException("no folder above this one holds mvnw");
      }
    }
    List<Path> found = new ArrayList<>();
    Files.walkFileTree(
        root,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
            return NOT_OURS.contains(folder.getFileName().toString())
                ? FileVisitResult.SKIP_SUBTREE
                : FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
            found.add(file);
            return FileVisitResult.CONTINUE;
          }
        });
    return new RepositoryFiles(root, List.copyOf(found));
  }

  /** Files with one of the extensions, such as {@code java}. */
  List<Path> ofType(Set<String> extensions) {
    return files.stream().filter(file -> extensions.contains(extension(file))).toList();
  }

  /** A file's path below the root, with slashes. */
  String name(Path file) {
    return root.relativize(file).toString().replace('\\', '/');
  }

  private static String extension(Path file) {
    String name = file.getFileName().toString();
    return name.substring(name.lastIndexOf('.') + 1);
  }

  static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(file + " cannot be read as UTF-8", e);
    }
  }
}
