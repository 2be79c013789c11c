const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TIME_LENGTH = 10;

/** The time in a ULID, in milliseconds: by the clock of whoever made it. NaN where the text is none. */
export function readUlidTime(ulid: string): number {
  let time = 0;
  for (const character of ulid.slice(0, TIME_LENGTH)) {
    const digit = CROCKFORD.indexOf(character);
    time = digit === -1 ? Number.NaN : time * 32 + digit;
  }
  return ulid.length === 26 ? time : Number.NaN;
}
