/** What `/config.json` says: where the API and the sign-in are. */
export interface PageConfig {
  api_url: string;
  auth: {
    /** the issuer of the tokens: the user pool */
    authority: string;
    client_id: string;
    /** the hosted sign-in, under which /oauth2/authorize, /oauth2/token and /logout are */
    sign_in_url: string;
  };
}

/** Load the page's configuration. Throws where it is missing or not of this shape. */
export async function loadConfig(): Promise<PageConfig> {
  const response = await fetch("/config.json", { cache: "no-cache" });
  if (!response.ok) {
    throw new Error(`config.json: the status is ${response.status}`);
  }
  return parseConfig(await response.json(), location.href);
}

/** Check what was loaded, and make its addresses absolute: they may be paths of the page's own host. */
export function parseConfig(given: unknown, base: string): PageConfig {
  const auth = (given as { auth?: unknown } | null)?.auth;
  const readUrl = (owner: unknown, key: string): string =>
    new URL(readText(owner, key), base).href.replace(/\/+$/, "");
  return {
    api_url: readUrl(given, "api_url"),
    auth: {
      authority: readText(auth, "authority"),
      client_id: readText(auth, "client_id"),
      sign_in_url: readUrl(auth, "sign_in_url"),
    },
  };
}

function readText(given: unknown, key: string): string {
  const value = (given as Record<string, unknown> | null | undefined)?.[key];
  if (typeof value !== "string" || value === "") {
    throw new Error(`config.json: ${key} is missing`);
  }
  return value;
}
