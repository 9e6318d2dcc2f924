package dev.questspark.job.model;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import dev.questspark.engine.checkpoint.ModelFiles;
import dev.questspark.job.hub.HubFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;

/**
 * What tells two models apart without reading all of their weights, which would take minutes:
 * SHA-256 over the small files that an engine reads, and of each weight file its name, its length,
 * its safetensors header and {@value #SAMPLES} samples of {@value #SAMPLE_BYTES} bytes of every
 * tensor, evenly spread, its first and its last bytes among them. The same wherever the files are.
 *
 * <p>A model that was trained further, merged or converted differs in nearly every value, and so in
 * the samples. A change of a few values of one tensor between two samples is not seen.
 */
final class ModelFingerprint {
  static final int CHARACTERS = 16;
  private static final int SAMPLES = 4;
  private static final int SAMPLE_BYTES = 1024;
  private static final int PIECES = 64;
  private static final int MOST_HEADER_BYTES = 64 << 20;

  /** Of these the ones that are there. */
  private static final List<String> SMALL_FILES =
      List.of("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja");

  private final MessageDigest digest = sha256();

  private ModelFingerprint() {}

  /** Of a folder or a GGUF file on this machine. */
  static String of(Path model) throws IOException {
    ModelFingerprint fingerprint = new ModelFingerprint();
    ModelFiles files = ModelFiles.of(model);
    fingerprint.smallFiles(files.path()); // a GGUF file has them in itself, and none beside it
    for (Path file : files.weightFiles()) {
      fingerprint.weights(file.getFileName().toString(), sampled(file));
    }
    return fingerprint.shortened();
  }

  /**
   * Of a model whose weights stay where they are; files are read side by side, since every sample
   * may be a request.
   *
   * @param folder on this machine, with everything but the weights
   */
  static String of(Path folder, RemoteModel model) throws IOException {
    ModelFingerprint fingerprint = new ModelFingerprint();
    fingerprint.smallFiles(folder);
    List<FileStatus> files = model.weights();
    List<byte[]> digests =
        files.parallelStream().map(file -> sampledOrThrow(model.system(), file)).toList();
    for (int i = 0; i < files.size(); i++) {
      fingerprint.weights(files.get(i).getPath().getName(), digests.get(i));
    }
    return fingerprint.shortened();
  }

  /**
   * Of a model whose weight files have hashes already; another value than that of its samples.
   *
   * @param folder on this machine, with everything but the weights
   */
  static String of(Path folder, List<HubFile> weights) throws IOException {
    ModelFingerprint fingerprint = new ModelFingerprint();
    fingerprint.smallFiles(folder);
    for (HubFile file : weights) {
      fingerprint.weights(
          file.name(), (file.bytes() + " " + file.etag()).getBytes(StandardCharsets.UTF_8));
    }
    return fingerprint.shortened();
  }

  /** The same kind of hash over text. */
  static String of(String text) {
    ModelFingerprint fingerprint = new ModelFingerprint();
    fingerprint.digest.update(text.getBytes(StandardCharsets.UTF_8));
    return fingerprint.shortened();
  }

  private void smallFiles(Path folder) throws IOException {
    for (String name : SMALL_FILES) {
      Path file = folder.resolve(name);
      if (Files.isRegularFile(file)) {
        digest.update((name + " " + Files.size(file)).getBytes(StandardCharsets.UTF_8));
        digest.update(Files.readAllBytes(file));
      }
    }
  }

  private void weights(String name, byte[] sampled) {
    digest.update(name.getBytes(StandardCharsets.UTF_8));
    digest.update(sampled);
  }

  /** A file that can be read anywhere in it. */
  private interface Bytes {
    byte[] read(long position, int length) throws IOException;
  }

  private static byte[] sampled(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      return sampled(
          channel.size(),
          (position, length) -> {
            ByteBuffer bytes = ByteBuffer.allocate(length);
            while (bytes.hasRemaining()) {
              if (channel.read(bytes, position + bytes.position()) < 0) {
                throw new IOException(file + " became shorter while it was read");
              }
            }
            return bytes.array();
          });
    }
  }

  private static byte[] sampledOrThrow(FileSystem system, FileStatus file) {
    try (FSDataInputStream in = system.open(file.getPath())) {
      return sampled(
          file.getLen(),
          (position, length) -> {
            byte[] bytes = new byte[length];
            in.readFully(position, bytes);
            return bytes;
          });
    } catch (IOException unreadable) {
      throw new java.io.UncheckedIOException(unreadable);
    }
  }

  private static byte[] sampled(long length, Bytes file) throws IOException {
    MessageDigest digest = sha256();
    digest.update(String.valueOf(length).getBytes(StandardCharsets.UTF_8));
    long start = 0;
    List<long[]> ranges = pieces(length);
    byte[] header = header(length, file);
    if (header.length > 0) {
      digest.update(header);
      start = Long.BYTES + header.length;
      ranges = tensors(header);
    }
    for (long[] range : ranges) {
      long end = Math.min(length, start + range[1]);
      long begin = Math.max(0, Math.min(end, start + range[0]));
      int bytes = (int) Math.min(SAMPLE_BYTES, end - begin);
      long step = SAMPLES == 1 ? 0 : (end - begin - bytes) / (SAMPLES - 1);
      for (int sample = 0; sample < (step == 0 ? 1 : SAMPLES); sample++) {
        long position = sample == SAMPLES - 1 ? end - bytes : begin + sample * step;
        digest.update(file.read(position, bytes));
      }
    }
    return digest.digest();
  }

  /** Equal pieces of a file that has no header of its own, as GGUF's with its metadata. */
  private static List<long[]> pieces(long length) {
    List<long[]> pieces = new ArrayList<>();
    for (int i = 0; i < PIECES; i++) {
      pieces.add(
          new long[] {length / PIECES * i, i == PIECES - 1 ? length : length / PIECES * (i + 1)});
    }
    return pieces;
  }

  /** A safetensors file's header, or nothing where its first bytes announce none. */
  private static byte[] header(long length, Bytes file) throws IOException {
    if (length < Long.BYTES) {
      return new byte[0];
    }
    long bytes = ByteBuffer.wrap(file.read(0, Long.BYTES)).order(ByteOrder.LITTLE_ENDIAN).getLong();
    return bytes <= 0 || bytes > Math.min(MOST_HEADER_BYTES, length - Long.BYTES)
        ? new byte[0]
        : file.read(Long.BYTES, (int) bytes);
  }

  /** First byte and one after the last of each tensor, behind the header, in the file's order. */
  private static List<long[]> tensors(byte[] header) {
    Map<Long, long[]> byOffset = new TreeMap<>();
    try {
      JsonObject entries =
          JsonParser.parseString(new String(header, StandardCharsets.UTF_8)).getAsJsonObject();
      for (Map.Entry<String, JsonElement> entry : entries.entrySet()) {
        JsonElement offsets = entry.getValue().getAsJsonObject().get("data_offsets");
        if (offsets != null) {
          long begin = offsets.getAsJsonArray().get(0).getAsLong();
          byOffset.put(begin, new long[] {begin, offsets.getAsJsonArray().get(1).getAsLong()});
        }
      }
    } catch (JsonParseException | IllegalStateException | IndexOutOfBoundsException damaged) {
      return List.of(); // opening the model refuses it with a sentence of its own
    }
    return List.copyOf(byOffset.values());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException everyJavaHasIt) {
      throw new IllegalStateException(everyJavaHasIt);
    }
  }

  private String shortened() {
    return HexFormat.of().formatHex(digest.digest()).substring(0, CHARACTERS);
  }
}
