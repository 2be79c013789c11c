import type { Session } from "../auth.ts";
import { isOnline, sessionEnded } from "./signals.ts";

/** What concerns the page as a whole: no network, no sign-in. */
export function Banners({ session }: { session: Session }) {
  return (
    <div class="banners">
      {sessionEnded.value && (
        <div class="banner bad" role="alert">
          <span>
            Your sign-in is over. Sign in again to go on; large uploads are taken up where they stopped.
          </span>
          <button type="button" class="button" onClick={() => void session.signIn()}>
            Sign in again
          </button>
        </div>
      )}
      <div role="status">
        {!isOnline.value && (
          <p class="banner warn">You are offline. Uploads go on by themselves when the network is back.</p>
        )}
      </div>
    </div>
  );
}
