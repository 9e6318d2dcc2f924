package dev.questspark.job.partition;

import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.job.corpus.Defect;
import dev.questspark.job.corpus.Document;
import dev.questspark.job.corpus.RecordSchema;
import dev.questspark.job.corpus.RecordToDocument;
import java.io.Serial;
import java.util.HashSet;
import java.util.Iterator;
import java.util.Set;
import org.apache.spark.Partitioner;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import scala.Tuple2;

/** Moves each document to its planned partition and marks the later claims on an id. */
public final class PartitionedCorpus {
  private PartitionedCorpus() {}

  /** The documents, in the plan's partitions; the order inside a partition means nothing. */
  public static JavaRDD<Document> of(Dataset<Row> records, CorpusPlan plan) {
    JavaSparkContext context =
        JavaSparkContext.fromSparkContext(records.sparkSession().sparkContext());
    Broadcast<CorpusPlan> shared = context.broadcast(plan);
    RecordToDocument toDocument = new RecordToDocument();
    return records
        .toJavaRDD()
        .mapToPair(
            record -> {
              long key = record.getAs(RecordSchema.KEY);
              Document document = toDocument.call(record);
              return new Tuple2<>(
                  shared.value().partitionOf(key), checkOwner(document, key, shared.value()));
            })
        .partitionBy(new Planned(plan.partitions()))
        .values()
        .mapPartitions(documents -> new FirstClaims(documents, shared.value()), true);
  }

  private static Document checkOwner(Document document, long key, CorpusPlan plan) {
    return plan.owns(document.id(), key) || document.defect().isPresent()
        ? document
        : duplicate(document);
  }

  private static Document duplicate(Document document) {
    return document.withDefect(
        new Defect(
            ErrorCode.DUPLICATE_ID,
            "id '" + document.id() + "': " + ErrorCode.DUPLICATE_ID.meaning()));
  }

  /** Of records that are equal in every byte, the first that arrives is answered. */
  private static final class FirstClaims implements Iterator<Document> {
    private final Iterator<Document> documents;
    private final CorpusPlan plan;
    private final Set<String> claimed = new HashSet<>();

    FirstClaims(Iterator<Document> documents, CorpusPlan plan) {
      this.documents = documents;
      this.plan = plan;
    }

    @Override
    public boolean hasNext() {
      return documents.hasNext();
    }

    @Override
    public Document next() {
      Document document = documents.next();
      boolean claims = document.defect().isEmpty() && plan.contested(document.id());
      return claims && !claimed.add(document.id()) ? duplicate(document) : document;
    }
  }

  /** The key is the partition. */
  private static final class Planned extends Partitioner {
    @Serial private static final long serialVersionUID = 1L;

    private final int partitions;

    Planned(int partitions) {
      this.partitions = partitions;
    }

    @Override
    public int numPartitions() {
      return partitions;
    }

    @Override
    public int getPartition(Object key) {
      return (Integer) key;
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Planned planned && planned.partitions == partitions;
    }

    @Override
    public int hashCode() {
      return partitions;
    }
  }
}
