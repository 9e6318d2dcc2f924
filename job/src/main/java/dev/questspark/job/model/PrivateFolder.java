package dev.questspark.job.model;

import dev.questspark.engine.failure.ConfigException;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.util.Set;

/** A folder that one user alone can write to. */
final class PrivateFolder {
  private PrivateFolder() {}

  /**
   * Makes the folder, readable and writable by its owner alone, or checks the one that is there.
   *
   * @throws ConfigException when another user owns it or can write to it
   */
  static void make(Path folder) throws IOException {
    if (!folder.getFileSystem().supportedFileAttributeViews().contains("posix")) {
      Files.createDirectories(folder);
      return;
    }
    if (folder.getParent() != null) {
      Files.createDirectories(folder.getParent());
    }
    try {
      Files.createDirectory(
          folder,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    } catch (FileAlreadyExistsException there) {
      check(folder);
    }
  }

  private static void check(Path folder) throws IOException {
    UserPrincipal owner = Files.getOwner(folder);
    Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(folder);
    UserPrincipal self = self(folder);
    if (!owner.equals(self)) {
      throw new ConfigException(
          "model_cache "
              + folder
              + " belongs to "
              + owner.getName()
              + " and this process to "
              + self.getName()
              + ", so that its copies cannot be trusted; name a folder of your own with"
              + " --model-cache.");
    }
    if (permissions.contains(PosixFilePermission.GROUP_WRITE)
        || permissions.contains(PosixFilePermission.OTHERS_WRITE)) {
      throw new ConfigException(
          "model_cache "
              + folder
              + " can be written by others ("
              + PosixFilePermissions.toString(permissions)
              + "), so that its copies cannot be trusted; delete it, or name a folder of your own"
              + " with --model-cache.");
    }
  }

  /** Who owns what this process creates: a user id need not have a name in a container. */
  private static UserPrincipal self(Path folder) throws IOException {
    Path probe = Files.createTempFile(folder, ".owner-", "");
    try {
      return Files.getOwner(probe);
    } finally {
      Files.delete(probe);
    }
  }
}
