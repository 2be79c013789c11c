import type { Pipelines, UploadState, UploadView } from "../src/api/types.ts";

const MEBIBYTE = 1024 * 1024;

export const CATALOG: Pipelines = {
  pipelines: [
    pipeline(
      "flights",
      "Departures from New York, one file a month",
      ["flights/*.csv", "flights/*.csv.gz"],
      "csv",
    ),
    pipeline("weather", "Hourly weather at the airports", ["weather/**.csv"], "csv"),
    pipeline(
      "orders",
      "Orders of the shop, as the till writes them",
      ["orders/*.json"],
      "json",
      50 * MEBIBYTE,
    ),
    pipeline("sensors", "Readings of the plant's sensors", ["sensors/raw/*.parquet"], "parquet"),
  ],
  limits: {
    single_put_bytes: 5 * 1024 ** 3,
    daily_uploads: 10_000,
    daily_bytes: 10 * 1024 ** 4,
    link_seconds: 900,
  },
};

/** Seconds after landing at which an upload reaches each state. */
export const PACE: [number, UploadState][] = [
  [1, "PENDING"],
  [4, "CLAIMED"],
  [7, "RUNNING"],
  [13, "SUCCEEDED"],
];

/** What a file of this name ends as. */
export function toEnd(name: string): UploadState {
  return name.includes("fail") ? "FAILED" : name.includes("broken") ? "QUARANTINED" : "SUCCEEDED";
}

/** What is known of an upload once it is in a state. */
export function toFacts(state: UploadState, name: string): Partial<UploadView> {
  const place = "s3://sparkdrop-dev-curated/flights/batch=flights-20131201T0800/";
  switch (state) {
    case "CLAIMED":
      return { batch_id: "flights-20131201T0800", run_id: "batch__flights-20131201T0800" };
    case "RUNNING":
      return { job_flow_id: "j-2AXXXXXXGAPLF", step_id: "s-07A1B2C3D4E5F" };
    case "SUCCEEDED": {
      const rows_rejected = name.includes("reject") ? 412 : 0;
      const rejects = rows_rejected
        ? "s3://sparkdrop-dev-curated/rejects/flights/batch=flights-20131201T0800/"
        : null;
      return { output: place, rows_in: 27_004, rows_out: 27_004 - rows_rejected, rows_rejected, rejects };
    }
    case "FAILED":
      return {
        reason:
          "Spark could not write the result: the curated bucket denied it. All files of the batch failed with it.",
        log: "s3://sparkdrop-dev-logs/j-2AXXXXXXGAPLF/steps/s-07A1B2C3D4E5F/stderr.gz",
        log_excerpt:
          "org.apache.spark.SparkException: [TASK_WRITE_FAILED] Task failed while writing rows\n" +
          "Caused by: java.nio.file.AccessDeniedException: s3://sparkdrop-dev-curated/flights\n" +
          "  at org.apache.hadoop.fs.s3a.S3AUtils.translateException(S3AUtils.java:255)",
      };
    case "QUARANTINED":
      return {
        reason:
          "The file is no CSV: it begins with the bytes of a PNG image. It was set aside; the batch went on without it.",
      };
    default:
      return {};
  }
}

function pipeline(
  name: string,
  description: string,
  patterns: string[],
  format: string,
  max_bytes = 5 * 1024 ** 4,
) {
  return { name, description, patterns, format, max_bytes, may_upload: true, may_view: true };
}
