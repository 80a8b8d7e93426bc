/** Streams of chance, as scenario/chance.py draws them: Python's Mersenne Twister, and only its `random()`. */

export const Stream = { ARRIVALS: 0, MIX: 1, CLIENTS: 2, WORKERS: 3, SERVICES: 16 };
export const STREAMS = 4096; // of one replication

const WORDS = 624;
const SHIFT = 397;

/** Of `seed` in a run's `replication` (from 0). The same for every variant of a scenario. */
export function stream(seed, number, replication = 0) {
  return new Random((BigInt(seed) * 100_003n + BigInt(replication)) * BigInt(STREAMS) + BigInt(number));
}

/** MT19937 (Matsumoto and Nishimura, 1998), seeded with a whole number as CPython's random.seed is. */
export class Random {
  #state = new Uint32Array(WORDS);
  #next = WORDS;

  constructor(seed) {
    const key = [];
    for (let rest = BigInt(seed); rest > 0n; rest >>= 32n) key.push(Number(rest & 0xffffffffn));
    this.#seedWith(key.length ? key : [0]);
  }

  /** From 0 up to 1, 1 excluded, in steps of 2 to the power of -53. */
  random() {
    const high = this.#word() >>> 5, low = this.#word() >>> 6;
    return (high * 67_108_864 + low) / 9_007_199_254_740_992;
  }

  #seedWith(key) {
    const state = this.#state;
    state[0] = 19_650_218;
    for (let i = 1; i < WORDS; i += 1) state[i] = Math.imul(1_812_433_253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
    let i = 1, j = 0;
    const onward = () => {
      if ((i += 1) < WORDS) return;
      state[0] = state[WORDS - 1];
      i = 1;
    };
    for (let k = Math.max(WORDS, key.length); k > 0; k -= 1) {
      state[i] = (state[i] ^ Math.imul(state[i - 1] ^ (state[i - 1] >>> 30), 1_664_525)) + key[j] + j;
      j = (j + 1) % key.length;
      onward();
    }
    for (let k = WORDS - 1; k > 0; k -= 1) {
      state[i] = (state[i] ^ Math.imul(state[i - 1] ^ (state[i - 1] >>> 30), 1_566_083_941)) - i;
      onward();
    }
    state[0] = 0x80000000;
  }

  #word() {
    if (this.#next === WORDS) this.#twist();
    let y = this.#state[this.#next];
    this.#next += 1;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  #twist() {
    const state = this.#state;
    const turn = (k, next, far) => {
      const y = (state[k] & 0x80000000) | (state[next] & 0x7fffffff);
      state[k] = state[far] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    };
    for (let k = 0; k < WORDS - SHIFT; k += 1) turn(k, k + 1, k + SHIFT);
    for (let k = WORDS - SHIFT; k < WORDS - 1; k += 1) turn(k, k + 1, k + SHIFT - WORDS);
    turn(WORDS - 1, 0, SHIFT - 1);
    this.#next = 0;
  }
}

export const exponential = (rng, mean) => -mean * Math.log(1 - rng.random());

/** Box and Muller (1958): one of the two. */
export function normal(rng) {
  const radius = Math.sqrt(-2 * Math.log(1 - rng.random()));
  return radius * Math.cos(2 * Math.PI * rng.random());
}

/** With scale 1. Marsaglia and Tsang (2000); below shape 1 by theirs of shape + 1. */
export function gamma(rng, shape) {
  if (shape < 1) {
    const boosted = gamma(rng, shape + 1);
    return boosted * Math.pow(1 - rng.random(), 1 / shape);
  }
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = normal(rng);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - rng.random()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** What draws one service time, in seconds. */
export function drawing(time) {
  const mean = time.mean_seconds, cv = time.cv;
  if (time.distribution === "exponential") return (rng) => -mean * Math.log(1 - rng.random());
  if (time.distribution === "constant" || cv === 0) return () => mean;
  if (time.distribution === "lognormal") {
    const variance = Math.log1p(cv * cv);
    const deviation = Math.sqrt(variance), middle = Math.log(mean) - variance / 2;
    return (rng) => Math.exp(middle + deviation * normal(rng));
  }
  const shape = 1 / (cv * cv), scale = mean * cv * cv;
  return (rng) => scale * gamma(rng, shape);
}
