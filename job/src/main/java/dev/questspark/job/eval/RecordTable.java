package dev.questspark.job.eval;

import java.lang.reflect.Constructor;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SaveMode;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** A record class as a Parquet table: one column per component, named in snake_case. */
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
  private final List<RecordComponent> components;

  public RecordTable(Class<R> type) {
    this.type = type;
    this.components = List.of(type.getRecordComponents());
  }

  StructType schema() {
    StructType schema = new StructType();
    for (RecordComponent component : components) {
      schema = schema.add(column(component), TYPES.get(component.getType()), true);
    }
    return schema;
  }

  /** Replaces the table in a folder. */
  public void write(SparkSession spark, List<R> records, String folder) {
    spark
        .createDataFrame(records.stream().map(this::row).toList(), schema())
        .coalesce(1)
        .write()
        .mode(SaveMode.Overwrite)
        .parquet(folder);
  }

  /** All records of a folder; columns that it lacks are null. */
  public List<R> read(SparkSession spark, String folder) {
    return spark.read().schema(schema()).parquet(folder).collectAsList().stream()
        .map(this::record)
        .toList();
  }

  private R record(Row row) {
    Object[] values = new Object[components.size()];
    Class<?>[] types = new Class<?>[components.size()];
    for (int i = 0; i < values.length; i++) {
      types[i] = components.get(i).getType();
      values[i] = row.isNullAt(i) ? null : types[i] == List.class ? row.getList(i) : row.get(i);
    }
    try {
      Constructor<R> constructor = type.getDeclaredConstructor(types);
      return constructor.newInstance(values);
    } catch (ReflectiveOperationException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  private Row row(R record) {
    return RowFactory.create(
        components.stream().map(component -> value(component, record)).toArray());
  }

  private static Object value(RecordComponent component, Record record) {
    try {
      component.getAccessor().setAccessible(true);
      Object value = component.getAccessor().invoke(record);
      return value instanceof List<?> list ? list.toArray(String[]::new) : value;
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
