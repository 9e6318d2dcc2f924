package dev.questspark.submit;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;

/** What another reader finds in an output folder. */
final class DuckDb {
  private DuckDb() {}

  /** The first cell of a query's result. */
  static double cell(String sql) {
    try (Connection duck = DriverManager.getConnection("jdbc:duckdb:");
        ResultSet rows = duck.createStatement().executeQuery(sql)) {
      rows.next();
      return rows.getDouble(1);
    } catch (SQLException wrong) {
      throw new AssertionError(sql, wrong);
    }
  }
}
