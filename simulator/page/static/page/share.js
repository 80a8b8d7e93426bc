/** A whole scenario in the address of the page: JSON, deflated, in base64url. Nothing of it is sent anywhere. */

const PREFIX = "#s=";

export async function toFragment(scenario) {
  const packed = await through(new CompressionStream("deflate-raw"), new TextEncoder().encode(JSON.stringify(scenario)));
  const base64 = btoa(String.fromCharCode(...packed));
  return PREFIX + base64.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** null where there is none in it. Rejects where it is damaged. */
export async function fromFragment(fragment) {
  if (!fragment.startsWith(PREFIX)) return null;
  const base64 = fragment.slice(PREFIX.length).replaceAll("-", "+").replaceAll("_", "/");
  const packed = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(await through(new DecompressionStream("deflate-raw"), packed)));
}

async function through(transform, bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(transform);
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
