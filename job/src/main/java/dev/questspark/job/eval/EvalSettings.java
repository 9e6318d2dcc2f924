package dev.questspark.job.eval;

import dev.questspark.job.infer.InferSettings;
import java.io.Serializable;

/**
 * What every task of a measurement needs to know.
 *
 * @param infer options, policies, model, output
 * @param repetitions speed measurements per policy and document; 0 measures answers alone
 * @param studiedDocuments how many documents have their attention watched
 * @param cellsFolder where finished documents go
 */
public record EvalSettings(
    InferSettings infer, int repetitions, int studiedDocuments, String cellsFolder)
    implements Serializable {}
