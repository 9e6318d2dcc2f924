package dev.questspark.job.hub;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import dev.questspark.engine.checkpoint.HubCache.Id;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * The part of the hub's HTTP interface that a download needs. Redirects are followed here and not
 * by the JDK, since the token is for the hub alone and not for where it keeps large files. {@link
 * HttpURLConnection} has what the newer client lacks: a limit to the time that a body may stand
 * still.
 */
final class HubClient {
  private static final int CONNECT_MILLIS = 10_000;
  private static final int READ_MILLIS = 30_000;
  private static final int MOST_REDIRECTS = 5;
  private static final int MOST_LISTING_BYTES = 64 << 20;
  private static final String AGENT = "quest-on-spark";

  private final HubSettings hub;

  HubClient(HubSettings hub) {
    this.hub = hub;
  }

  /**
   * A revision.
   *
   * @param commit what it is now
   * @param names its files
   */
  record Listing(String commit, List<String> names) {}

  /**
   * Where to get a file.
   *
   * @param file name, length and hash
   */
  record Source(HubFile file, URI location) {}

  /**
   * A body, from some byte on.
   *
   * @param from first byte of the file that it has: what was asked for, or 0
   */
  record Body(InputStream bytes, long from) {}

  /**
   * What a revision has.
   *
   * @throws dev.questspark.engine.failure.ConfigException when the hub refuses
   * @throws IOException when it cannot be reached
   */
  Listing list(Id id) throws IOException {
    URI uri = uri("/api/models/" + id.repository() + "/revision/" + encoded(id.revision()));
    HttpURLConnection answer = follow("GET", uri, 0, true);
    check(answer, id);
    try (InputStream body = answer.getInputStream()) {
      String text = new String(body.readNBytes(MOST_LISTING_BYTES), StandardCharsets.UTF_8);
      JsonObject json = JsonParser.parseString(text).getAsJsonObject();
      List<String> names = new ArrayList<>();
      JsonArray siblings = json.getAsJsonArray("siblings");
      for (JsonElement sibling : siblings) {
        names.add(sibling.getAsJsonObject().get("rfilename").getAsString());
      }
      return new Listing(Objects.requireNonNull(json.get("sha")).getAsString(), names);
    } catch (JsonParseException | IllegalStateException | NullPointerException e) {
      throw new IOException("its answer about " + id + " is no listing of a model", e);
    }
  }

  /**
   * Length and hash of a file, which the hub tells in the headers of its own answer, before it
   * sends on to where the content is.
   */
  Source head(Id id, String commit, String name) throws IOException {
    URI uri = uri("/" + id.repository() + "/resolve/" + commit + "/" + encoded(name));
    HttpURLConnection answer = follow("HEAD", uri, 0, false);
    check(answer, id);
    String etag = header(answer, "X-Linked-Etag", "ETag");
    String length = header(answer, "X-Linked-Size", "Content-Length");
    if (etag == null || length == null || !length.matches("\\d{1,18}")) {
      throw new IOException("its answer about " + name + " has neither ETag nor length");
    }
    String hash = etag.replaceFirst("^W/", "").replace("\"", "");
    if (!hash.matches("[\\w.-]{1,128}") || hash.startsWith(".")) {
      throw new IOException("its answer about " + name + " has an ETag that names no content");
    }
    return new Source(
        new HubFile(name, hash, Long.parseLong(length)), URI.create(answer.getURL().toString()));
  }

  /** A file's bytes from a place on, or from the beginning where the server cannot skip. */
  Body get(Id id, Source source, long from) throws IOException {
    HttpURLConnection answer = follow("GET", source.location, from, true);
    check(answer, id);
    boolean partial = answer.getResponseCode() == HttpURLConnection.HTTP_PARTIAL;
    if (partial && !begins(answer, from)) {
      answer.disconnect();
      throw new IOException("it sends other bytes of " + source.file.name() + " than asked for");
    }
    return new Body(answer.getInputStream(), partial ? from : 0);
  }

  private static boolean begins(HttpURLConnection answer, long from) {
    String range = answer.getHeaderField("Content-Range");
    return range != null && range.startsWith("bytes " + from + "-");
  }

  private static String header(HttpURLConnection answer, String first, String second) {
    String value = answer.getHeaderField(first);
    return value != null ? value : answer.getHeaderField(second);
  }

  private void check(HttpURLConnection answer, Id id) throws IOException {
    int status = answer.getResponseCode();
    if (status >= 400) {
      String code = answer.getHeaderField("X-Error-Code");
      answer.disconnect();
      if (HubRefusal.isFinal(status)) {
        throw HubRefusal.of(status, code, id, hub);
      }
      throw new IOException("it answers " + status);
    }
  }

  /**
   * @param away whether a redirect to another place is followed; one within the hub always is
   */
  private HttpURLConnection follow(String method, URI start, long from, boolean away)
      throws IOException {
    URI uri = start;
    for (int i = 0; i <= MOST_REDIRECTS; i++) {
      HttpURLConnection answer = open(method, uri, from);
      int status = answer.getResponseCode();
      String location = answer.getHeaderField("Location");
      if (status < 300 || status >= 400 || location == null) {
        return answer;
      }
      URI next = uri.resolve(location);
      if (!away && !ours(next)) {
        return answer;
      }
      if (uri.getScheme().equals("https") && !next.getScheme().equals("https")) {
        throw new IOException("it sends from https to " + next.getScheme());
      }
      answer.disconnect();
      uri = next;
    }
    throw new IOException("it sends from one place to the next without end");
  }

  private HttpURLConnection open(String method, URI uri, long from) throws IOException {
    if (!(uri.toURL().openConnection() instanceof HttpURLConnection connection)) {
      throw new IOException("it sends to " + uri.getScheme());
    }
    connection.setRequestMethod(method);
    connection.setInstanceFollowRedirects(false);
    connection.setConnectTimeout(CONNECT_MILLIS);
    connection.setReadTimeout(READ_MILLIS);
    connection.setRequestProperty("User-Agent", AGENT);
    connection.setRequestProperty("Accept-Encoding", "identity");
    if (from > 0) {
      connection.setRequestProperty("Range", "bytes=" + from + "-");
    }
    if (ours(uri)) {
      hub.token()
          .ifPresent(token -> connection.setRequestProperty("Authorization", "Bearer " + token));
    }
    return connection;
  }

  /** Whether the address is the hub's own, which alone may see the token. */
  private boolean ours(URI uri) {
    URI own = hub.endpoint();
    return own.getScheme().equals(uri.getScheme())
        && own.getHost().equals(uri.getHost())
        && own.getPort() == uri.getPort();
  }

  private URI uri(String path) {
    return URI.create(hub.endpoint() + path);
  }

  private static String encoded(String part) {
    return URLEncoder.encode(part, StandardCharsets.UTF_8).replace("+", "%20");
  }
}
