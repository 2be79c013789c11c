import { ErrorResponse, type User, UserManager, WebStorageStateStore } from "oidc-client-ts";
import type { TokenSource } from "./api/client.ts";
import { ApiProblem } from "./api/problem.ts";
import type { PageConfig } from "./config.ts";

/** Seconds that a token has to last yet, so that it does not end between here and the API. */
const SPARE_SECONDS = 30;

/** Somebody's sign-in: the authorization code flow with PKCE, renewed by the refresh token. */
export class Session implements TokenSource {
  readonly #manager: UserManager;
  readonly #signOutUrl: string;
  readonly #onEnd: () => void;
  #user: User | null = null;
  #renewal: Promise<string> | null = null;
  #ended = false;

  constructor({ auth }: PageConfig, onEnd: () => void) {
    const page = `${location.origin}/`;
    this.#onEnd = onEnd;
    this.#signOutUrl = `${auth.sign_in_url}/logout?${new URLSearchParams({ client_id: auth.client_id, logout_uri: page })}`;
    this.#manager = new UserManager({
      authority: auth.authority,
      client_id: auth.client_id,
      redirect_uri: page,
      scope: "openid email",
      // Told here rather than discovered: Cognito's document is on another host than its sign-in, and the
      // page's CSP would have to let it through for what never changes.
      metadata: {
        issuer: auth.authority,
        authorization_endpoint: `${auth.sign_in_url}/oauth2/authorize`,
        token_endpoint: `${auth.sign_in_url}/oauth2/token`,
      },
      // gone with the tab, and not shared with another one
      userStore: new WebStorageStateStore({ store: sessionStorage }),
      stateStore: new WebStorageStateStore({ store: sessionStorage }),
      automaticSilentRenew: false, // token() renews when a token is asked for; a page left alone need not
      loadUserInfo: false,
      monitorSession: false,
    });
  }

  /** Take up a sign-in: the one that the address brings back, or the one that the tab remembers. */
  async restore(): Promise<boolean> {
    const answer = new URLSearchParams(location.search);
    if (answer.has("state") && (answer.has("code") || answer.has("error"))) {
      try {
        this.#user = await this.#manager.signinRedirectCallback();
      } finally {
        history.replaceState(null, "", "/"); // the code is used up, and belongs in no bookmark
      }
    } else {
      this.#user = await this.#manager.getUser();
    }
    return this.#user !== null && (this.#isFresh() || this.#user.refresh_token !== undefined);
  }

  /** Who is signed in, as a person reads it. */
  get name(): string {
    const profile = this.#user?.profile;
    return profile?.email ?? profile?.preferred_username ?? profile?.sub ?? "";
  }

  /** Who is signed in, as the tokens say it. */
  get subject(): string {
    return this.#user?.profile.sub ?? "";
  }

  async signIn(): Promise<void> {
    await this.#manager.signinRedirect();
  }

  async signOut(): Promise<void> {
    await this.#manager.removeUser();
    location.assign(this.#signOutUrl);
  }

  async token(): Promise<string> {
    const token = this.#user?.id_token;
    return token && this.#isFresh() ? token : this.refresh();
  }

  /** A newer token; calls at the same time share one request. Throws a 401 problem where the sign-in is over. */
  refresh(): Promise<string> {
    this.#renewal ??= this.#renew().finally(() => {
      this.#renewal = null;
    });
    return this.#renewal;
  }

  #isFresh(): boolean {
    // the ID token is what the API checks; its end is not that of the access token, which `expires_at` tells
    const end = Math.min(this.#user?.profile.exp ?? 0, this.#user?.expires_at ?? Number.POSITIVE_INFINITY);
    return end - Date.now() / 1000 > SPARE_SECONDS;
  }

  async #renew(): Promise<string> {
    if (this.#ended) {
      throw signedOut();
    }
    try {
      const user = this.#user?.refresh_token ? await this.#manager.signinSilent() : null;
      if (user?.id_token) {
        this.#user = user;
        return user.id_token;
      }
    } catch (error) {
      // only the sign-in's own refusal ends it: no answer, or a broken one, may be mended a little later
      if (!(error instanceof ErrorResponse)) {
        throw new ApiProblem(0, "network", "The sign-in could not be renewed. Is the network there?");
      }
    }
    this.#ended = true;
    this.#onEnd();
    throw signedOut();
  }
}

function signedOut(): ApiProblem {
  return new ApiProblem(401, "signed-out", "Your sign-in is over.");
}
