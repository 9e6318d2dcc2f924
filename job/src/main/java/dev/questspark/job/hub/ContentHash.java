package dev.questspark.job.hub;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The hash that names a file's content on the hub: SHA-256 of a large file (Git LFS), and of a
 * small one git's own hash, SHA-1 over {@code blob LENGTH}, a zero byte and the content.
 */
final class ContentHash {
  private static final Logger LOG = LoggerFactory.getLogger(ContentHash.class);
  private static final int BUFFER_BYTES = 1 << 20;

  private ContentHash() {}

  /** Whether a file is what the hub says it is. */
  static boolean fits(Path content, HubFile file) throws IOException {
    if (Files.size(content) != file.bytes()) {
      return false;
    }
    if (file.etag().matches("[0-9a-f]{64}")) {
      return file.etag().equals(hash(digest("SHA-256"), content));
    }
    if (file.etag().matches("[0-9a-f]{40}")) {
      MessageDigest git = digest("SHA-1");
      git.update(("blob " + file.bytes() + "\0").getBytes(StandardCharsets.US_ASCII));
      return file.etag().equals(hash(git, content));
    }
    LOG.warn("{} has no hash that can be checked; its length is right", file.name());
    return true;
  }

  private static String hash(MessageDigest digest, Path content) throws IOException {
    try (InputStream in = Files.newInputStream(content)) {
      byte[] buffer = new byte[BUFFER_BYTES];
      for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
        digest.update(buffer, 0, read);
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static MessageDigest digest(String algorithm) {
    try {
      return MessageDigest.getInstance(algorithm);
    } catch (NoSuchAlgorithmException everyJavaHasIt) {
      throw new IllegalStateException(everyJavaHasIt);
    }
  }
}
