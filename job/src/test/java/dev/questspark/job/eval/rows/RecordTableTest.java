package dev.questspark.job.eval.rows;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.job.TestSpark;
import dev.questspark.job.answer.PolicyColumns;
import dev.questspark.job.corpus.Defect;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The measurements' tables, as readers of earlier runs know them. */
@Tag("spark")
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
                + "completion_tokens INT,dropped_tokens INT,read_tokens INT,kept_tokens INT,kv_bytes_read BIGINT,"
                + "kv_bytes_dense BIGINT,kv_tokens_mean DOUBLE,sparse_steps INT,dense_steps INT,"
                + "neg_log_likelihood DOUBLE,kl DOUBLE,same_argmax DOUBLE,"
                + "prefill_blocks_total BIGINT,prefill_blocks_computed BIGINT,kv_bytes_document BIGINT");
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

  @Test
  void valuesStandInTheirColumnsAndComeBack(@TempDir Path folder) {
    QualityRow.Question question = new QualityRow.Question("s", "t", "m", "d", 3, 2048, null);
    PolicyColumns policy = new PolicyColumns("quest", "none", 256);
    QualityRow answered =
        new QualityRow(
            question,
            policy,
            QualityRow.Outcome.OK,
            new QualityRow.Answer("p", List.of("a", "b"), 0.5, false, 0.25),
            new QualityRow.Tokens(11, 12, 13, 14, 15),
            new QualityRow.Reads(21L, 22L, 22.5, 23, 24),
            new QualityRow.GivenText(1.5, 0.125, 0.75),
            new QualityRow.Prefill(32L, 31L, 33L));
    QualityRow refused =
        new QualityRow(
            question,
            policy,
            QualityRow.Outcome.error(new Defect(ErrorCode.EMPTY_DOCUMENT, "why")),
            QualityRow.Answer.none(List.of()),
            QualityRow.Tokens.NONE,
            QualityRow.Reads.NONE,
            QualityRow.GivenText.NONE,
            QualityRow.Prefill.NONE);
    RecordTable<QualityRow> table = new RecordTable<>(QualityRow.class);
    String quality = folder.resolve("quality").toString();
    table.write(TestSpark.session(), List.of(answered, refused), quality);
    assertThat(table.read(TestSpark.session(), quality)).containsExactly(answered, refused);
    assertThat(TestSpark.session().read().parquet(quality).first().mkString("|"))
        .isEqualTo(
            "s|t|m|d|3|2048|null|quest|none|256|ok|null|null|p|ArraySeq(a, b)|0.5|false|0.25"
                + "|11|12|13|14|15|21|22|22.5|23|24|1.5|0.125|0.75|32|31|33");
  }
}
