/** The mark and the name. */
export function Brand() {
  return (
    <span class="brand">
      <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
        <rect width="32" height="32" rx="8" class="brand-ground" />
        <path d="M18 5 8 18h7l-2 9 11-14h-7z" class="brand-spark" />
      </svg>
      Sparkdrop
    </span>
  );
}
