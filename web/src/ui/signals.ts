import { signal } from "@preact/signals";

/** Whether the sign-in is over while the page is still open. */
export const sessionEnded = signal(false);

/** Whether the browser has a network. */
export const isOnline = signal(navigator.onLine);
addEventListener("online", () => {
  isOnline.value = true;
});
addEventListener("offline", () => {
  isOnline.value = false;
});
