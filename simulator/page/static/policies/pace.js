/** How the calls of a service with a rate are spaced: bff/policies/pace.py. */

import { roundEven } from "./rounding.js";

export const BURST_SECONDS = 0.02;
export const PACE = 1.03;

export const intervalUs = (ratePerSecond) => (ratePerSecond ? Math.ceil(1_000_000 * PACE / ratePerSecond) : 0);

export const burstUs = (interval) => (interval ? Math.max(0, roundEven(BURST_SECONDS * 1_000_000) - interval) : 0);
