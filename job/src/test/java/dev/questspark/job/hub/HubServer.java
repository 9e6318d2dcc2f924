package dev.questspark.job.hub;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A hub of this machine with one model, {@code org/some-model}, and beside it the store that it
 * sends to for large files, on another port. As the real one, it tells a file's hash in the answer
 * that redirects.
 */
public final class HubServer implements AutoCloseable {
  public static final String MODEL = "org/some-model";
  static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";
  static final String TAG = "v1.0";
  static final String TOKEN = "hf_secret";

  private final HttpServer hub;
  private final HttpServer store;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final Map<String, byte[]> files = new TreeMap<>();
  private final List<String> requests = new CopyOnWriteArrayList<>();

  /** Answers of the store that end early; the number of bytes that it sends of each. */
  final AtomicInteger brokenAnswers = new AtomicInteger();

  volatile int brokenAfter;

  /** Answers of the store with a wrong byte. */
  final AtomicInteger wrongAnswers = new AtomicInteger();

  /** Whether the store can begin anywhere in a file. */
  volatile boolean ranges = true;

  /** Status and error code of all answers to those without the token; 0 for none. */
  volatile int refusal;

  volatile String refusalCode;

  /** Whether the token does not help. */
  volatile boolean refusesToken;

  public HubServer(Map<String, byte[]> files) throws IOException {
    this.files.putAll(files);
    InetSocketAddress any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    hub = HttpServer.create(any, 0);
    store = HttpServer.create(any, 0);
    hub.createContext("/", exchange -> answer(exchange, "hub", this::hub));
    store.createContext("/", exchange -> answer(exchange, "store", this::store));
    hub.setExecutor(threads);
    store.setExecutor(threads);
    hub.start();
    store.start();
  }

  private interface Handler {
    void handle(HttpExchange exchange) throws IOException;
  }

  private void answer(HttpExchange exchange, String place, Handler handler) throws IOException {
    String range = exchange.getRequestHeaders().getFirst("Range");
    String token = exchange.getRequestHeaders().getFirst("Authorization");
    requests.add(
        place
            + " "
            + exchange.getRequestMethod()
            + " "
            + exchange.getRequestURI()
            + (range == null ? "" : " " + range)
            + (token == null ? "" : " " + token));
    try (exchange) {
      handler.handle(exchange);
    }
  }

  private void hub(HttpExchange exchange) throws IOException {
    String token = exchange.getRequestHeaders().getFirst("Authorization");
    if (refusal > 0 && (refusesToken || !("Bearer " + TOKEN).equals(token))) {
      refuse(exchange, refusal, refusalCode);
      return;
    }
    String path = exchange.getRequestURI().getPath();
    String api = "/api/models/" + MODEL + "/revision/";
    String resolve = "/" + MODEL + "/resolve/" + COMMIT + "/";
    String cache = "/api/resolve-cache/models/" + MODEL + "/";
    if (path.startsWith(api)) {
      list(exchange, path.substring(api.length()));
    } else if (path.startsWith(resolve) && files.containsKey(path.substring(resolve.length()))) {
      resolve(exchange, path.substring(resolve.length()), cache);
    } else if (path.startsWith(cache)) {
      byte[] content = files.get(path.substring(cache.length()));
      exchange.getResponseHeaders().set("ETag", "\"" + git(content) + "\"");
      send(exchange, 200, content);
    } else {
      refuse(exchange, 404, "RepoNotFound");
    }
  }

  private void list(HttpExchange exchange, String revision) throws IOException {
    if (!List.of("main", TAG, COMMIT).contains(revision)) {
      refuse(exchange, 404, "RevisionNotFound");
      return;
    }
    JsonObject listing = new JsonObject();
    listing.addProperty("id", MODEL);
    listing.addProperty("sha", COMMIT);
    JsonArray siblings = new JsonArray();
    for (String name : files.keySet()) {
      JsonObject sibling = new JsonObject();
      sibling.addProperty("rfilename", name);
      siblings.add(sibling);
    }
    listing.add("siblings", siblings);
    send(exchange, 200, listing.toString().getBytes(StandardCharsets.UTF_8));
  }

  private void resolve(HttpExchange exchange, String name, String cache) throws IOException {
    exchange.getResponseHeaders().set("X-Repo-Commit", COMMIT);
    if (large(name)) {
      exchange.getResponseHeaders().set("X-Linked-Etag", "\"" + sha256(files.get(name)) + "\"");
      exchange.getResponseHeaders().set("X-Linked-Size", String.valueOf(files.get(name).length));
      exchange
          .getResponseHeaders()
          .set("Location", "http:/" + store.getAddress() + "/" + name + "?signed=1");
      exchange.sendResponseHeaders(302, -1);
    } else {
      exchange.getResponseHeaders().set("Location", cache + name);
      exchange.sendResponseHeaders(307, -1);
    }
  }

  static boolean large(String name) {
    return name.matches(".*\\.(safetensors|gguf|bin|onnx)") || name.equals("tokenizer.json");
  }

  private void store(HttpExchange exchange) throws IOException {
    byte[] content = files.get(exchange.getRequestURI().getPath().substring(1)).clone();
    String range = exchange.getRequestHeaders().getFirst("Range");
    int from = 0;
    if (range != null && ranges) {
      from = Integer.parseInt(range.replaceAll("bytes=(\\d+)-", "$1"));
      exchange
          .getResponseHeaders()
          .set(
              "Content-Range", "bytes " + from + "-" + (content.length - 1) + "/" + content.length);
    }
    if (wrongAnswers.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
      content[content.length - 1] ^= 1;
    }
    exchange.sendResponseHeaders(from > 0 ? 206 : 200, content.length - from);
    boolean broken = brokenAnswers.getAndUpdate(left -> Math.max(0, left - 1)) > 0;
    OutputStream body = exchange.getResponseBody();
    body.write(
        content,
        from,
        broken ? Math.min(brokenAfter, content.length - from) : content.length - from);
    body.flush();
  }

  private static void send(HttpExchange exchange, int status, byte[] content) throws IOException {
    if (exchange.getRequestMethod().equals("HEAD")) {
      exchange.getResponseHeaders().set("Content-Length", String.valueOf(content.length));
      exchange.sendResponseHeaders(status, -1);
    } else {
      exchange.sendResponseHeaders(status, content.length);
      exchange.getResponseBody().write(content);
    }
  }

  private static void refuse(HttpExchange exchange, int status, String code) throws IOException {
    if (code != null) {
      exchange.getResponseHeaders().set("X-Error-Code", code);
    }
    exchange.sendResponseHeaders(status, -1);
  }

  static String sha256(byte[] content) {
    return hash("SHA-256", content);
  }

  static String git(byte[] content) {
    byte[] head = ("blob " + content.length + "\0").getBytes(StandardCharsets.US_ASCII);
    byte[] all = new byte[head.length + content.length];
    System.arraycopy(head, 0, all, 0, head.length);
    System.arraycopy(content, 0, all, head.length, content.length);
    return hash("SHA-1", all);
  }

  private static String hash(String algorithm, byte[] content) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance(algorithm).digest(content));
    } catch (NoSuchAlgorithmException everyJavaHasIt) {
      throw new IllegalStateException(everyJavaHasIt);
    }
  }

  public String endpoint() {
    return "http:/" + hub.getAddress();
  }

  /** Requests so far: place, method, address, range and authorization. */
  List<String> requests() {
    return List.copyOf(requests);
  }

  List<String> requestsFor(String name) {
    return requests.stream().filter(line -> line.contains("/" + name)).toList();
  }

  @Override
  public void close() {
    hub.stop(0);
    store.stop(0);
    threads.shutdownNow();
  }
}
