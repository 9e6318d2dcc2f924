package dev.questspark.job.eval;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** The measurements' tables, as readers of earlier runs know them. */
class RecordTableTest {

  private static String ddl(Class<? extends Record> type) {
    return new RecordTable<>(type).schema().toDDL();
  }

  @Test
  void theColumnsOfQualityStay() {
    assertThat(ddl(QualityRow.class))
        .isEqualTo(
            "suite STRING,task STRING,metric STRING,doc_id STRING,question_id INT,"
                + "length_tokens INT,depth_percent DOUBLE,policy STRING,cache_policy STRING,"
                + "kv_budget INT,status STRING,error_code STRING,error_message STRING,"
                + "prediction STRING,references ARRAY<STRING>,score DOUBLE,"
                + "agrees_with_dense BOOLEAN,token_agreement DOUBLE,prompt_tokens INT,"
                + "completion_tokens INT,dropped_tokens INT,kv_bytes_read BIGINT,"
                + "kv_bytes_dense BIGINT,sparse_steps INT,dense_steps INT,"
                + "neg_log_likelihood DOUBLE");
  }

  @Test
  void theColumnsOfSpeedStay() {
    assertThat(ddl(SpeedRow.class))
        .isEqualTo(
            "doc_id STRING,repetition INT,policy STRING,cache_policy STRING,kv_budget INT,"
                + "document_tokens INT,prompt_tokens DOUBLE,batch INT,new_tokens INT,"
                + "queue_ms DOUBLE,prefill_ms DOUBLE,question_tokens INT,question_ms DOUBLE,"
                + "decode_ms DOUBLE,kv_bytes_read BIGINT,kv_bytes_dense BIGINT");
  }

  @Test
  void theColumnsOfSelectionStay() {
    assertThat(ddl(SelectionRow.class))
        .isEqualTo(
            "suite STRING,task STRING,doc_id STRING,question_id INT,length_tokens INT,"
                + "depth_percent DOUBLE,prompt_tokens INT,policy STRING,cache_policy STRING,"
                + "kv_budget INT,layer INT,head INT,rows INT,attention_mass DOUBLE,"
                + "top_token_recall DOUBLE");
  }
}
