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

  /** The documents, in the plan's partitions, in an order that follows from their content. */
  public static JavaRDD<Document> of(Dataset<Row> records, CorpusPlan plan) {
    return planned(records, plan).map(PlannedDocument::document);
  }

  /** The documents that have rows left to compute; the same order in every attempt at a task. */
  public static JavaRDD<PlannedDocument> planned(Dataset<Row> records, CorpusPlan plan) {
    JavaSparkContext context =
        JavaSparkContext.fromSparkContext(records.sparkSession().sparkContext());
    Broadcast<CorpusPlan> shared = context.broadcast(plan);
    RecordToDocument toDocument = new RecordToDocument();
    return records
        .toJavaRDD()
        .filter(record -> !shared.value().finished(record.getAs(RecordSchema.KEY)))
        .mapToPair(
            record -> {
              long key = record.getAs(RecordSchema.KEY);
              long place = record.getAs(RecordSchema.PLACE);
              Document document = toDocument.call(record);
              return new Tuple2<>(
                  new RecordOrder(shared.value().partitionOf(key), key, place),
                  checkOwner(document, key, shared.value()));
            })
        .repartitionAndSortWithinPartitions(new Planned(plan.partitions()))
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

  /** Of records that are equal in every byte, the first is answered. */
  private static final class FirstClaims implements Iterator<PlannedDocument> {
    private final Iterator<Tuple2<RecordOrder, Document>> documents;
    private final CorpusPlan plan;
    private final Set<String> claimed = new HashSet<>();

    FirstClaims(Iterator<Tuple2<RecordOrder, Document>> documents, CorpusPlan plan) {
      this.documents = documents;
      this.plan = plan;
    }

    @Override
    public boolean hasNext() {
      return documents.hasNext();
    }

    @Override
    public PlannedDocument next() {
      Tuple2<RecordOrder, Document> record = documents.next();
      Document document = record._2();
      boolean claims = document.defect().isEmpty() && plan.contested(document.id());
      return plan.planned(
          record._1().key, claims && !claimed.add(document.id()) ? duplicate(document) : document);
    }
  }

  /** The key knows its partition. */
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
      return ((RecordOrder) key).partition;
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
