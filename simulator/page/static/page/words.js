/** Numbers as people read them. */

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const some = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

export const count = (value) => whole.format(value);
export const number = (value) => (Math.abs(value) >= 100 ? whole.format(value) : some.format(value));
export const rate = (value) => `${number(value)}/s`;
export const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;
export const seconds = (value) => (value === null || value === undefined ? "never" : `${number(value)} s`);

/** 75.3 -> 1:15.3 */
export function clock(at, digits = 0) {
  const minutes = Math.floor(at / 60);
  const rest = (at - 60 * minutes).toFixed(digits).padStart(digits ? 3 + digits : 2, "0");
  return `${minutes}:${rest}`;
}

/** a, b and c */
export const listed = (parts) => (parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`);
