import { afterEach, describe, expect, it, vi } from "vitest";
import { ApiClient, parseRetryAfter } from "../src/api/client.ts";
import { parseProblem, toProblem } from "../src/api/problem.ts";
import { parseConfig } from "../src/config.ts";
import { formatBytes, formatDuration, formatPlural, toPercent } from "../src/format.ts";
import { readUlidTime } from "../src/status/ulid.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

const tokens = { token: async () => "old", refresh: async () => "new" };

function stubFetch(...answers: (Response | Error)[]) {
  const fetched = vi.fn<typeof fetch>();
  for (const answer of answers) {
    if (answer instanceof Error) {
      fetched.mockRejectedValueOnce(answer);
    } else {
      fetched.mockResolvedValueOnce(answer);
    }
  }
  vi.stubGlobal("fetch", fetched);
  return fetched;
}

describe("ApiClient", () => {
  it("renews the token once after a 401", async () => {
    const fetched = stubFetch(
      new Response(null, { status: 401 }),
      Response.json({ uploads: [], cursor: null }),
    );
    await new ApiClient("https://api", tokens).listUploads({ state: "FAILED", pipeline: "" });
    const sent = fetched.mock.calls.map(([, init]) => new Headers(init?.headers).get("Authorization"));
    expect(sent).toEqual(["Bearer old", "Bearer new"]);
    expect(fetched.mock.calls[0]?.[0]).toBe("https://api/uploads?state=FAILED");
  });

  it("asks with an ETag, and takes a 304 for nothing new", async () => {
    const fetched = stubFetch(
      new Response(null, { status: 304, headers: { ETag: '"x"', "Retry-After": "3" } }),
    );
    const answer = await new ApiClient("https://api", tokens).readUpload("a/b", '"x"');
    expect(answer).toEqual({ body: null, etag: '"x"', retryAfterSeconds: 3 });
    expect(fetched.mock.calls[0]?.[0]).toBe("https://api/uploads/a%2Fb");
    expect(new Headers(fetched.mock.calls[0]?.[1]?.headers).get("If-None-Match")).toBe('"x"');
  });

  it("names several parts in one request", async () => {
    const fetched = stubFetch(Response.json({ urls: [] }));
    await new ApiClient("https://api", tokens).readParts("a", ["1:aa", "2:bb"]);
    expect(fetched.mock.calls[0]?.[0]).toBe("https://api/uploads/a/parts?part=1%3Aaa&part=2%3Abb");
  });

  it("tells a problem document, an answer that is none, and no answer", async () => {
    const document = { type: "urn:sparkdrop:problem:refused", detail: "Not here.", request_id: "r-1" };
    stubFetch(
      Response.json(document, { status: 422 }),
      new Response("<html>", { status: 502 }),
      new TypeError("Failed to fetch"),
    );
    const api = new ApiClient("https://api", tokens);
    await expect(api.listPipelines()).rejects.toMatchObject({
      kind: "refused",
      message: "Not here.",
      requestId: "r-1",
    });
    await expect(api.listPipelines()).rejects.toMatchObject({ status: 502, passes: true });
    await expect(api.listPipelines()).rejects.toMatchObject({ kind: "network", status: 0, passes: true });
  });
});

describe("problems", () => {
  it("have words of their own where the API has none", () => {
    expect(parseProblem(403, { type: "urn:sparkdrop:problem:forbidden" }, null).message).toContain(
      "not upload to it",
    );
    expect(parseProblem(418, null, null)).toMatchObject({ kind: "unknown", passes: false });
  });

  it("are made of any error", () => {
    expect(toProblem(new RangeError("part 3 of 2"))).toMatchObject({ status: -1, message: "part 3 of 2" });
    expect(toProblem("text").message).toBe("text");
  });

  it.each([
    ["3", 3],
    [" 0 ", 0],
    ["Wed, 21 Oct 2015 07:28:00 GMT", null],
    [null, null],
  ])("have a Retry-After of %j", (header, seconds) => {
    expect(parseRetryAfter(header)).toBe(seconds);
  });
});

describe("parseConfig", () => {
  const auth = { authority: "https://pool", client_id: "c", sign_in_url: "/" };

  it("makes addresses absolute, without a slash at the end", () => {
    expect(parseConfig({ api_url: "/api/", auth }, "http://localhost:1/x?y")).toEqual({
      api_url: "http://localhost:1/api",
      auth: { authority: "https://pool", client_id: "c", sign_in_url: "http://localhost:1" },
    });
  });

  it.each([
    [null, "api_url"],
    [{ api_url: "" }, "api_url"],
    [{ api_url: "/api" }, "authority"],
    [{ api_url: "/api", auth: { ...auth, client_id: 7 } }, "client_id"],
  ])("of %j names what is missing: %s", (given, key) => {
    expect(() => parseConfig(given, "http://localhost")).toThrow(`${key} is missing`);
  });
});

describe("formats", () => {
  it.each([
    [0, "0 bytes"],
    [1, "1 byte"],
    [1023, "1023 bytes"],
    [1024, "1 KiB"],
    [1536, "1.5 KiB"],
    [1024 * 1024 - 1, "1 MiB"],
    [300 * 1024 ** 2, "300 MiB"],
    [5 * 1024 ** 4, "5 TiB"],
    [5000 * 1024 ** 4, "5000 TiB"],
  ])("%i bytes as %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it.each([
    [0.4, "0 s"],
    [59.6, "1 min"],
    [125, "2 min 5 s"],
    [3600, "1 h"],
    [11_400, "3 h 10 min"],
  ])("%d seconds as %s", (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });

  it("says 100% only when all is there", () => {
    expect([toPercent(0, 0), toPercent(999, 1000), toPercent(10, 10), toPercent(11, 10)]).toEqual([
      0, 99, 100, 100,
    ]);
    expect([formatPlural(1, "row"), formatPlural(2000, "row")]).toEqual(["1 row", "2,000 rows"]);
  });
});

describe("readUlidTime", () => {
  it("reads the time of the specification's example, and of nothing else", () => {
    expect(readUlidTime("01ARYZ6S41TSV4RRFFQ69G5FAV")).toBe(1469918176385);
    expect(readUlidTime("not-a-ulid")).toBeNaN();
    expect(readUlidTime("01ARYZ6S4ITSV4RRFFQ69G5FAV")).toBeNaN();
  });
});
