// A bounded load from this browser: a few requests at once, for a few seconds, each one timed.

/** A request is given up after this long. */
const PATIENCE = 30_000;
/** After an error a lane waits this long, so that a refusing node is not hammered. */
const PAUSE = 250;
/** A run never asks for more than this. */
const MOST_ANSWERS = 20_000;

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** A duration of the `Server-Timing` header, in milliseconds; `null` when it is not there. */
export function serverTiming(header, name) {
  const found = new RegExp(`(?:^|,)\\s*${name}\\s*;\\s*dur=([\\d.]+)`).exec(header ?? '');
  return found ? Number(found[1]) : null;
}

async function request(url, credentials, signal) {
  const began = performance.now();
  try {
    const response = await fetch(url, { credentials, cache: 'no-store', headers: { Accept: 'application/json' }, signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]) });
    await response.arrayBuffer();
    return {
      began, milliseconds: performance.now() - began, ok: response.ok, node: response.headers.get('X-Node') ?? '?',
      queue: serverTiming(response.headers.get('Server-Timing'), 'queue'),
    };
  } catch {
    return signal.aborted ? null : { began, milliseconds: performance.now() - began, ok: false, node: null, queue: null };
  }
}

/**
 * Loads `url` with `concurrency` requests at once for `seconds`; gives each answer to `took` as it comes.
 * `credentials` chooses which of the browser's two sets of connections is used: two lanes side by side must not
 * wait for each other inside the browser. Ends early when `signal` aborts; a request under way at the end is waited for.
 */
export async function run({ url, concurrency, seconds, credentials, signal, took }) {
  const began = performance.now();
  const end = began + seconds * 1000;
  let asked = 0;
  const worker = async () => {
    while (performance.now() < end && !signal.aborted && asked < MOST_ANSWERS) {
      asked += 1;
      const answer = await request(url, credentials, signal);
      if (!answer) return;
      took({ ...answer, at: (answer.began + answer.milliseconds - began) / 1000 });
      if (!answer.ok) await pause(PAUSE);
      performance.clearResourceTimings();
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}
