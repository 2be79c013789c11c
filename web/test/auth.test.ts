import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Session } from "../src/auth.ts";

const AUTHORITY = "https://pool";
const KEY = `oidc.user:${AUTHORITY}:client`;
const CONFIG = {
  api_url: "https://api",
  auth: { authority: AUTHORITY, client_id: "client", sign_in_url: "https://sign-in" },
};

/** A token as a user pool makes it, but for its signature, which only the API looks at. */
function makeToken(seconds: number): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: AUTHORITY, aud: "client", sub: "s-1", email: "a@b.c", iat: now, exp: now + seconds };
  return `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.x`;
}

/** Leave a sign-in in the tab's storage whose token has some seconds left. */
function remember(seconds: number, refresh_token: string | undefined = "r-1"): void {
  const exp = Math.floor(Date.now() / 1000) + seconds;
  const profile = { iss: AUTHORITY, aud: "client", sub: "s-1", email: "a@b.c", iat: 1, exp };
  const user = {
    id_token: old,
    access_token: "a",
    token_type: "Bearer",
    expires_at: exp,
    profile,
    refresh_token,
  };
  sessionStorage.setItem(KEY, JSON.stringify(user));
}

let old: string;
let fetched: ReturnType<typeof vi.fn<typeof fetch>>;
let ended: number;

async function restore(): Promise<[Session, boolean]> {
  const session = new Session(CONFIG, () => {
    ended += 1;
  });
  return [session, await session.restore()];
}

beforeEach(() => {
  ended = 0;
  old = makeToken(20);
  const kept = new Map<string, string>();
  vi.stubGlobal("sessionStorage", {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
    key: (index: number) => [...kept.keys()][index] ?? null,
    get length() {
      return kept.size;
    },
  });
  vi.stubGlobal("location", { origin: "https://page", search: "", assign: vi.fn() });
  vi.stubGlobal("navigator", { onLine: true });
  vi.stubGlobal("window", globalThis);
  fetched = vi.fn<typeof fetch>();
  vi.stubGlobal("fetch", fetched);
});

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("a session", () => {
  it("is none where nobody has signed in, or it can be renewed no more", async () => {
    expect((await restore())[1]).toBe(false);
    remember(-10, "");
    sessionStorage.setItem(KEY, (sessionStorage.getItem(KEY) ?? "").replace(',"refresh_token":""', ""));
    expect((await restore())[1]).toBe(false);
  });

  it("goes on with the token that the tab remembers", async () => {
    remember(600);
    const [session, isSignedIn] = await restore();
    expect([isSignedIn, session.name, session.subject]).toEqual([true, "a@b.c", "s-1"]);
    expect(await session.token()).toBe(old);
    expect(fetched).not.toHaveBeenCalled();
  });

  it("renews a token that is about to end, once for all who ask", async () => {
    remember(20);
    const id_token = makeToken(3600);
    fetched.mockImplementation(async () =>
      Response.json({ id_token, access_token: "b", token_type: "Bearer", expires_in: 3600 }),
    );
    const [session] = await restore();
    expect(await Promise.all([session.token(), session.token(), session.refresh()])).toEqual(
      Array(3).fill(id_token),
    );
    expect(fetched).toHaveBeenCalledTimes(1);
    const [url, init] = fetched.mock.calls[0] ?? [];
    expect(url).toBe("https://sign-in/oauth2/token");
    const sent = new URLSearchParams(String(init?.body));
    expect([sent.get("grant_type"), sent.get("refresh_token")]).toEqual(["refresh_token", "r-1"]);
    expect(await session.token()).toBe(id_token);
  });

  it("is over when the refresh token is, and does not ask again", async () => {
    remember(-10);
    fetched.mockImplementation(async () => Response.json({ error: "invalid_grant" }, { status: 400 }));
    const [session] = await restore();
    await expect(session.token()).rejects.toMatchObject({ status: 401, kind: "signed-out", passes: false });
    await expect(session.token()).rejects.toMatchObject({ status: 401 });
    expect([ended, fetched.mock.calls.length]).toEqual([1, 1]);
  });

  it.each([
    () => Promise.reject(new TypeError("Failed to fetch")),
    async () => new Response("<html>", { status: 503 }),
  ])("is not over because there was no answer, or a broken one", async (answer) => {
    remember(-10);
    fetched.mockImplementation(answer);
    const [session] = await restore();
    await expect(session.token()).rejects.toMatchObject({ status: 0, passes: true });
    expect(ended).toBe(0);
  });

  it("ends at the hosted sign-in too", async () => {
    remember(600);
    const [session] = await restore();
    await session.signOut();
    expect(sessionStorage.getItem(KEY)).toBeNull();
    expect(location.assign).toHaveBeenCalledWith(
      "https://sign-in/logout?client_id=client&logout_uri=https%3A%2F%2Fpage%2F",
    );
  });
});
