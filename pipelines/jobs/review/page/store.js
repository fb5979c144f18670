// What this browser keeps until the run has it: clicks under way, and decisions on their way. Nothing here is needed
// once the server has answered.

const PREFIX = "mfp-review";

export class Store {
  constructor(run) {
    this.prefix = `${PREFIX}:${run}`;
  }

  draft(digest) {
    return read(`${this.prefix}:draft:${digest}`, null);
  }

  keepDraft(digest, draft) {
    if (draft === null) localStorage.removeItem(`${this.prefix}:draft:${digest}`);
    else write(`${this.prefix}:draft:${digest}`, draft);
  }

  // each decision has an entry of its own, so that two tabs of one browser do not write over each other's
  pending() {
    const prefix = `${this.prefix}:pending:`;
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(prefix));
    return keys.map((key) => read(key, null)).filter(Boolean).sort((one, other) => one.made - other.made);
  }

  keepPending(decision) {
    write(`${this.prefix}:pending:${decision.decision}`, { ...decision, made: Date.now() });
  }

  dropPending(decision) {
    localStorage.removeItem(`${this.prefix}:pending:${decision.decision}`);
  }
}

export function setting(name, usual) {
  return read(`${PREFIX}:setting:${name}`, usual);
}

export function keepSetting(name, value) {
  write(`${PREFIX}:setting:${name}`, value);
}

function read(key, usual) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? usual;
  } catch {
    return usual;
  }
}

function write(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // a browser that keeps nothing: the page works, and what is on its way is in memory alone
  }
}
