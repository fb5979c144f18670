// Asks the server. The page's own address holds the token, so that addresses relative to it do too.

export class Refused extends Error {
  constructor(message, status, first) {
    super(message);
    this.status = status;
    this.first = first;
  }

  // nobody knows whether it arrived, or the server cannot say: the same may be sent again
  get isOpen() {
    return this.status === 0 || this.status >= 500;
  }
}

export function get(name, params = {}) {
  return ask(`${name}?${new URLSearchParams(params)}`, (response) => response.json());
}

export function post(name, body) {
  return send(name, body, (response) => response.json());
}

export async function postForBytes(name, body) {
  return new Uint8Array(await send(name, body, (response) => response.arrayBuffer()));
}

export function imageUrl(place) {
  return `image?${new URLSearchParams({ shard: place.shard, key: place.key })}`;
}

export async function image(place) {
  return createImageBitmap(await ask(imageUrl(place), (response) => response.blob()));
}

function send(name, body, read) {
  return ask(name, read, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

// `read` takes the body: the server may end before all of it has come
async function ask(url, read, options) {
  let response;
  try {
    response = await fetch(url, options);
    if (response.ok) return await read(response);
  } catch {
    throw new Refused("The server does not answer: is mfp review still running?", 0);
  }
  if (response.status === 403) {
    throw new Refused("The server was started anew: open the address that it has printed. What is not saved waits in this browser.", 503);
  }
  const told = await response.json().catch(() => ({ error: `the server failed (${response.status}); see its terminal` }));
  throw new Refused(told.error, response.status, told.first);
}
