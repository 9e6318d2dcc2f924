package dev.questspark.job;

import com.esotericsoftware.kryo.Kryo;
import com.esotericsoftware.kryo.Serializer;
import com.esotericsoftware.kryo.io.Input;
import com.esotericsoftware.kryo.io.Output;
import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.job.corpus.Defect;
import dev.questspark.job.corpus.Document;
import dev.questspark.job.corpus.Question;
import dev.questspark.job.partition.CorpusPlan;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.spark.serializer.KryoRegistrator;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericRow;

/**
 * Everything that Spark serialises for this job, and nothing else: {@code
 * spark.kryo.registrationRequired} turns a forgotten class into an error instead of a slow name on
 * every record.
 */
public final class QuestKryoRegistrator implements KryoRegistrator {
  /** Classes of Spark and Scala that our jobs send as task results, most not visible to Java. */
  private static final List<String> INTERNAL =
      List.of(
          "[Lorg.apache.spark.util.io.ChunkedByteBuffer;",
          "org.apache.spark.sql.types.ArrayType",
          "org.apache.spark.sql.types.BinaryType$",
          "org.apache.spark.sql.types.BooleanType$",
          "org.apache.spark.sql.types.ByteType$",
          "org.apache.spark.sql.types.DateType$",
          "org.apache.spark.sql.types.DecimalType",
          "org.apache.spark.sql.types.DoubleType$",
          "org.apache.spark.sql.types.FloatType$",
          "org.apache.spark.sql.types.IntegerType$",
          "org.apache.spark.sql.types.LongType$",
          "org.apache.spark.sql.types.MapType",
          "org.apache.spark.sql.types.NullType$",
          "org.apache.spark.sql.types.ShortType$",
          "org.apache.spark.sql.types.StringType$",
          "org.apache.spark.sql.types.TimestampNTZType$",
          "org.apache.spark.sql.types.TimestampType$");

  @Override
  public void registerClasses(Kryo kryo) {
    kryo.register(Document.class, new DocumentSerializer());
    CorpusPlan.serialised().forEach(kryo::register);
    kryo.register(HashMap.class);
    kryo.register(long[].class);
    kryo.register(int[].class);
    // records of parsed files, which are kept on disk
    kryo.register(GenericRow.class);
    kryo.register(Object[].class);
    kryo.register(String[].class);
    // Spark 3.5 sends the one row of a SELECT without FROM
    kryo.register(GenericInternalRow.class);
    for (String name : INTERNAL) {
      try {
        kryo.register(Class.forName(name, false, Thread.currentThread().getContextClassLoader()));
      } catch (ClassNotFoundException otherSpark) {
        throw new IllegalStateException("this Spark has no class " + name, otherSpark);
      }
    }
  }

  /** Kryo 4 cannot fill records by reflection. */
  private static final class DocumentSerializer extends Serializer<Document> {
    DocumentSerializer() {
      super(false, true);
    }

    @Override
    public void write(Kryo kryo, Output out, Document document) {
      out.writeString(document.id());
      out.writeString(document.text());
      out.writeString(document.source());
      out.writeInt(document.questions().size(), true);
      for (Question question : document.questions()) {
        out.writeInt(question.number(), true);
        out.writeString(question.text());
        out.writeString(question.expected());
      }
      out.writeInt(document.kept().size(), true);
      document
          .kept()
          .forEach(
              (name, value) -> {
                out.writeString(name);
                out.writeString(value);
              });
      out.writeBoolean(document.defect().isPresent());
      document
          .defect()
          .ifPresent(
              defect -> {
                out.writeString(defect.code().name());
                out.writeString(defect.message());
              });
    }

    @Override
    public Document read(Kryo kryo, Input in, Class<Document> type) {
      String id = in.readString();
      String text = in.readString();
      String source = in.readString();
      List<Question> questions = new ArrayList<>();
      for (int left = in.readInt(true); left > 0; left--) {
        questions.add(new Question(in.readInt(true), in.readString(), in.readString()));
      }
      Map<String, String> kept = new LinkedHashMap<>();
      for (int left = in.readInt(true); left > 0; left--) {
        kept.put(in.readString(), in.readString());
      }
      Optional<Defect> defect =
          in.readBoolean()
              ? Optional.of(new Defect(ErrorCode.valueOf(in.readString()), in.readString()))
              : Optional.empty();
      return new Document(id, text, questions, source, defect, kept);
    }
  }
}
