import { describe, expect, it } from "vitest";
import { literalFolder, matchPattern, takesName, toNamePattern } from "../src/upload/patterns.ts";
// read by the tests of sparkdrop.core.patterns too: what one of them takes, the other has to take
import cases from "./pattern-cases.json";

describe("matchPattern agrees with sparkdrop.core.patterns", () => {
  it.each(cases as [string, string, boolean][])("%s takes %j: %s", (pattern, key, expected) => {
    expect(matchPattern(pattern, key)).toBe(expected);
  });
});

describe("literalFolder", () => {
  it.each([
    ["flights/*.csv", "flights/"],
    ["sensors/raw/*.parquet", "sensors/raw/"],
    ["sensors/raw*/x.parquet", "sensors/"],
    ["flights/jan.csv", "flights/"],
    ["weather/**.csv", "weather/"],
    ["*/x.csv", null],
    ["x.csv", null],
    ["**", null],
  ])("of %s is %s", (pattern, expected) => {
    expect(literalFolder(pattern)).toBe(expected);
  });
});

describe("takesName", () => {
  it("puts the name where the pattern's literal folders end", () => {
    expect(takesName(["sensors/raw/*.parquet"], "a.parquet")).toBe(true);
    expect(takesName(["sensors/raw/*.parquet"], "a.csv")).toBe(false);
  });

  it("counts the upload's own folder, as the API's keys have it", () => {
    expect(takesName(["weather/**/*.csv", "flights/*/x.csv"], "a.csv")).toBe(true);
    expect(takesName(["flights/*/x.csv"], "x.csv")).toBe(true);
    expect(takesName(["flights/*/*/x.csv"], "x.csv")).toBe(false);
  });

  it("is content with one pattern of several", () => {
    expect(takesName(["flights/*.csv", "flights/*.csv.gz"], "jan.csv.gz")).toBe(true);
  });

  it("has no place for a name under a wild first folder, where links cannot go", () => {
    expect(takesName(["*/x.csv", "*.csv"], "x.csv")).toBe(false);
  });
});

describe("toNamePattern", () => {
  it.each([
    ["flights/*.csv", "*.csv"],
    ["sensors/raw/*.parquet", "*.parquet"],
    ["weather/**/*.csv", "*.csv"],
    ["weather/**.csv", "*.csv"],
    ["weather/**", "*"],
    ["weather/*/*.csv", "*.csv"],
    ["*.csv", "*.csv"],
  ])("of %s is %s", (pattern, expected) => {
    expect(toNamePattern(pattern)).toBe(expected);
  });
});
