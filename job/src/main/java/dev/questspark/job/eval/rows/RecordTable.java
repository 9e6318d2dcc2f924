package dev.questspark.job.eval.rows;

import dev.questspark.job.path.GivenPath;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SaveMode;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/**
 * A record class as a Parquet table: one column per component, named in snake_case. A component
 * that is a record itself stands for its own components, in their order; it must not be null.
 */
public final class RecordTable<R extends Record> {
  private static final Map<Class<?>, DataType> TYPES =
      Map.of(
          String.class, DataTypes.StringType,
          int.class, DataTypes.IntegerType,
          Integer.class, DataTypes.IntegerType,
          long.class, DataTypes.LongType,
          Long.class, DataTypes.LongType,
          double.class, DataTypes.DoubleType,
          Double.class, DataTypes.DoubleType,
          Boolean.class, DataTypes.BooleanType,
          List.class, DataTypes.createArrayType(DataTypes.StringType));

  private final Class<R> type;

  public RecordTable(Class<R> type) {
    this.type = type;
  }

  StructType schema() {
    return new StructType(fields(type).toArray(StructField[]::new));
  }

  private static List<StructField> fields(Class<?> record) {
    List<StructField> fields = new ArrayList<>();
    for (RecordComponent component : record.getRecordComponents()) {
      if (component.getType().isRecord()) {
        fields.addAll(fields(component.getType()));
      } else {
        DataType column = TYPES.get(component.getType());
        fields.add(DataTypes.createStructField(column(component), column, true));
      }
    }
    return fields;
  }

  /** Replaces the table in a folder. */
  public void write(SparkSession spark, List<R> records, String folder) {
    spark
        .createDataFrame(records.stream().map(RecordTable::row).toList(), schema())
        .coalesce(1)
        .write()
        .mode(SaveMode.Overwrite)
        .parquet(folder);
  }

  /** All records of a folder; columns that it lacks are null. */
  public List<R> read(SparkSession spark, String folder) {
    return spark
        .read()
        .options(GivenPath.LITERALLY)
        .schema(schema())
        .parquet(folder)
        .collectAsList()
        .stream()
        .map(row -> type.cast(record(type, row, new AtomicInteger())))
        .toList();
  }

  /**
   * A record, or one that is part of another.
   *
   * @param next the column that its first component is in; then the one behind its last
   */
  private static Object record(Class<?> record, Row row, AtomicInteger next) {
    RecordComponent[] components = record.getRecordComponents();
    Class<?>[] types = new Class<?>[components.length];
    Object[] values = new Object[components.length];
    for (int i = 0; i < components.length; i++) {
      types[i] = components[i].getType();
      values[i] =
          types[i].isRecord()
              ? record(types[i], row, next)
              : value(types[i], row, next.getAndIncrement());
    }
    try {
      return record.getDeclaredConstructor(types).newInstance(values);
    } catch (ReflectiveOperationException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  private static Object value(Class<?> type, Row row, int column) {
    if (row.isNullAt(column)) {
      return null;
    }
    return type == List.class ? row.getList(column) : row.get(column);
  }

  private static Row row(Record record) {
    return RowFactory.create(values(record).toArray());
  }

  private static List<Object> values(Record record) {
    List<Object> values = new ArrayList<>();
    for (RecordComponent component : record.getClass().getRecordComponents()) {
      Object value = value(component, record);
      if (value instanceof Record part) {
        values.addAll(values(part));
      } else {
        values.add(value instanceof List<?> list ? list.toArray(String[]::new) : value);
      }
    }
    return values;
  }

  private static Object value(RecordComponent component, Record record) {
    try {
      component.getAccessor().setAccessible(true);
      return component.getAccessor().invoke(record);
    } catch (ReflectiveOperationException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  private static String column(RecordComponent component) {
    StringBuilder name = new StringBuilder();
    Arrays.stream(component.getName().split("(?=[A-Z])"))
        .forEach(
            part -> name.append(name.isEmpty() ? "" : "_").append(part.toLowerCase(Locale.ROOT)));
    return name.toString();
  }
}
