package dev.questspark.engine.model;

import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;

/** The checkpoints of the test resources, and changed copies of their {@code config.json}. */
public final class ModelFolder {
  private ModelFolder() {}

  /** A checkpoint folder of the test resources. */
  public static Path fixture(String name) {
    return resource("hf-models/" + name);
  }

  /** Any file or folder of the test resources. */
  public static Path resource(String name) {
    try {
      return Path.of(ModelFolder.class.getResource("/" + name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(name, e);
    }
  }

  /** Writes the fixture's {@code config.json}, changed by {@code edit}, into {@code folder}. */
  static Path edited(Path folder, String fixture, Consumer<JsonObject> edit) throws IOException {
    Path source = fixture(fixture).resolve("config.json");
    JsonObject config = JsonParser.parseString(Files.readString(source)).getAsJsonObject();
    edit.accept(config);
    Files.writeString(
        folder.resolve("config.json"), new GsonBuilder().serializeNulls().create().toJson(config));
    return folder;
  }
}
