package dev.questspark.job.corpus;

import static org.assertj.core.api.Assertions.assertThat;

import com.esotericsoftware.kryo.Kryo;
import com.esotericsoftware.kryo.io.Input;
import com.esotericsoftware.kryo.io.Output;
import dev.questspark.engine.failure.ErrorCode;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** A document in a session that knows nothing of us. */
class DocumentTest {
  private static final List<Document> DOCUMENTS =
      List.of(
          new Document(
              "a",
              "a secret text",
              List.of(new Question(0, "Who?", null), new Question(1, null, "x")),
              "a.jsonl",
              Optional.empty(),
              Map.of("year", "2026")),
          new Document(
              null,
              null,
              List.of(new Question(0, "Who?", null)),
              "b.jsonl",
              Optional.of(Defect.of(ErrorCode.EMPTY_DOCUMENT))));

  @Test
  void travelsWithJavasSerializerAndWithAPlainKryo() throws Exception {
    for (Document document : DOCUMENTS) {
      ByteArrayOutputStream java = new ByteArrayOutputStream();
      try (ObjectOutputStream out = new ObjectOutputStream(java)) {
        out.writeObject(document);
      }
      assertThat(read(java.toByteArray())).isEqualTo(document);

      Kryo kryo = new Kryo();
      Output out = new Output(1024, -1);
      kryo.writeClassAndObject(out, document);
      assertThat(kryo.readClassAndObject(new Input(out.toBytes()))).isEqualTo(document);
    }
  }

  private static Object read(byte[] bytes) throws IOException, ClassNotFoundException {
    try (ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(bytes))) {
      return in.readObject();
    }
  }

  @Test
  void showsNoTextInALog() {
    assertThat(DOCUMENTS.get(0).toString()).contains("a.jsonl").doesNotContain("secret", "Who?");
  }
}
