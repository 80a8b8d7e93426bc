/** As Python's round() has it: a half goes to the even neighbour. */
export const roundEven = (value) => (Math.abs(value % 1) === 0.5 ? 2 * Math.round(value / 2) : Math.round(value));
