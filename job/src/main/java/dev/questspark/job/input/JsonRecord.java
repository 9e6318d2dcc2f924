package dev.questspark.job.input;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import dev.questspark.job.input.RecordMaker.Literal;
import dev.questspark.job.options.CorpusOptions.NamedColumn;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * One JSON object of which only some columns are taken; the whole of it is checked. A column is a
 * key, or the keys on the way to it with dots between them: {@code meta.id}. Through an array the
 * way leads to the same key of each of its objects.
 */
final class JsonRecord {
  /** Thrown for a text that is not one JSON object. */
  static final class Malformed extends Exception {
    private static final long serialVersionUID = 1L;

    Malformed(String what) {
      super(what);
    }
  }

  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxStringLength(Integer.MAX_VALUE) // a line's length is limited
                  .maxNumberLength(100_000)
                  .build())
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
          .build();

  private final List<NamedColumn> columns;
  private final String[][] ways;
  private final Set<String> wanted = new HashSet<>();
  private final Map<String, String> wantedInLowerCase = new HashMap<>();

  JsonRecord(List<NamedColumn> columns) {
    this.columns = columns;
    this.ways = new String[columns.size()][];
    for (int i = 0; i < ways.length; i++) {
      String name = columns.get(i).name();
      ways[i] = name.split("\\.");
      for (String first : List.of(name, ways[i].length == 0 ? name : ways[i][0])) {
        wanted.add(first);
        wantedInLowerCase.put(first.toLowerCase(Locale.ROOT), first);
      }
    }
  }

  /**
   * The values under the columns, null where there is none.
   *
   * @param keys receives the object's own keys
   * @throws Malformed when the text is not one object, whole, with each key once
   */
  Object[] values(byte[] line, Collection<String> keys) throws Malformed {
    try (JsonParser json = FACTORY.createParser(line)) {
      return values(json, keys);
    } catch (JsonProcessingException wrong) {
      throw new Malformed(wrong.getOriginalMessage());
    } catch (IOException neverOfBytes) {
      throw new Malformed(neverOfBytes.getMessage());
    }
  }

  /** The same of a text. */
  Object[] values(String line, Collection<String> keys) throws Malformed {
    try (JsonParser json = FACTORY.createParser(line)) {
      return values(json, keys);
    } catch (JsonProcessingException wrong) {
      throw new Malformed(wrong.getOriginalMessage());
    } catch (IOException neverOfAString) {
      throw new Malformed(neverOfAString.getMessage());
    }
  }

  private Object[] values(JsonParser json, Collection<String> keys) throws IOException, Malformed {
    if (json.nextToken() != JsonToken.START_OBJECT) {
      throw new Malformed("it is not one JSON object on one line");
    }
    Map<String, Object> found = new HashMap<>();
    while (json.nextToken() != JsonToken.END_OBJECT) {
      String key = json.currentName();
      json.nextToken();
      keys.add(key);
      if (wanted.contains(key)) {
        found.put(key, value(json));
      } else {
        json.skipChildren();
      }
    }
    refuseMore(json);
    refuseOtherCase(keys);
    Object[] values = new Object[ways.length];
    for (int i = 0; i < ways.length; i++) {
      String name = columns.get(i).name();
      values[i] = found.containsKey(name) ? found.get(name) : follow(found, ways[i], 0);
    }
    return values;
  }

  /** A parser of values in a row is content with the first; a record is all of its line. */
  private static void refuseMore(JsonParser json) throws IOException, Malformed {
    long end = json.currentLocation().getByteOffset();
    String place = end < 0 ? "" : ", which ends at byte " + end + " of the line";
    JsonToken more;
    try {
      more = json.nextToken();
    } catch (JsonProcessingException noJson) {
      throw new Malformed("there is text after the object" + place);
    }
    if (more != null) {
      throw new Malformed(
          "there is text after the object" + place + "; write one object on each line");
    }
  }

  /** Two keys that Spark, SQL and many readers take for one. */
  private void refuseOtherCase(Collection<String> keys) throws Malformed {
    for (String key : keys) {
      String wantedKey = wantedInLowerCase.get(key.toLowerCase(Locale.ROOT));
      if (wantedKey != null && !wantedKey.equals(key) && keys.contains(wantedKey)) {
        throw new Malformed("keys '" + wantedKey + "' and '" + key + "' differ in case alone");
      }
    }
  }

  private static Object follow(Object from, String[] way, int step) {
    if (step == way.length) {
      return from;
    }
    if (from instanceof Map<?, ?> object) {
      return follow(object.get(way[step]), way, step + 1);
    }
    if (from instanceof List<?> elements && step > 0) {
      List<Object> each = new ArrayList<>();
      for (Object element : elements) {
        each.add(follow(element, way, step));
      }
      return each;
    }
    return null;
  }

  private static Object value(JsonParser json) throws IOException {
    return switch (json.currentToken()) {
      case VALUE_NULL -> null;
      case VALUE_STRING -> json.getText();
      case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> new Literal(json.getText(), "a number");
      case VALUE_TRUE, VALUE_FALSE -> new Literal(json.getText(), "true or false");
      case START_ARRAY -> {
        List<Object> elements = new ArrayList<>();
        while (json.nextToken() != JsonToken.END_ARRAY) {
          elements.add(value(json));
        }
        yield elements;
      }
      case START_OBJECT -> {
        Map<String, Object> fields = new LinkedHashMap<>();
        while (json.nextToken() != JsonToken.END_OBJECT) {
          String key = json.currentName();
          json.nextToken();
          fields.put(key, value(json));
        }
        yield fields;
      }
      default -> throw new IllegalStateException("no value: " + json.currentToken());
    };
  }
}
