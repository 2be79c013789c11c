import { useSignal } from "@preact/signals";

/** Where something lies: a link where a browser can follow it, and in any case to be copied. */
export function Place({ what, place }: { what: string; place: string }) {
  const copied = useSignal(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(place);
    copied.value = true;
    setTimeout(() => {
      copied.value = false;
    }, 2000);
  };
  return (
    <span class="place-line">
      {/^https?:/.test(place) ? (
        <a href={place} rel="noreferrer" target="_blank">
          {place}
        </a>
      ) : (
        <code>{place}</code>
      )}
      <button
        type="button"
        class="button small copy"
        aria-label={`Copy the place of: ${what}`}
        onClick={() => void copy()}
      >
        {copied.value ? "Copied" : "Copy"}
      </button>
    </span>
  );
}
