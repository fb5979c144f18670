// What this browser keeps until the run has it: clicks under way, and decisions on their way. Nothing here is needed
// once the server has answered.

const PREFIX = "mfp-review";

const inMemory = new Map(); // what a browser does not keep: it forbids it, or is full

export class Store {
  constructor(run) {
    this.prefix = `${PREFIX}:${run}`;
  }

  draft(digest) {
    return read(`${this.prefix}:draft:${digest}`, null);
  }

  keepDraft(digest, draft) {
    if (draft === null) remove(`${this.prefix}:draft:${digest}`);
    else write(`${this.prefix}:draft:${digest}`, draft);
  }

  // each decision has an entry of its own, so that two tabs of one browser do not write over each other's
  pending() {
    const prefix = `${this.prefix}:pending:`;
    const keys = names().filter((key) => key.startsWith(prefix));
    return keys.map((key) => read(key, null)).filter(Boolean).sort((one, other) => one.made - other.made);
  }

  keepPending(decision) {
    write(`${this.prefix}:pending:${decision.decision}`, { ...decision, made: Date.now() });
  }

  dropPending(decision) {
    remove(`${this.prefix}:pending:${decision.decision}`);
  }
}

export function setting(name, usual) {
  return read(`${PREFIX}:setting:${name}`, usual);
}

export function keepSetting(name, value) {
  write(`${PREFIX}:setting:${name}`, value);
}

function names() {
  try {
    return [...new Set([...Object.keys(localStorage), ...inMemory.keys()])];
  } catch {
    return [...inMemory.keys()];
  }
}

function read(key, usual) {
  try {
    return JSON.parse(inMemory.get(key) ?? localStorage.getItem(key)) ?? usual;
  } catch {
    return usual;
  }
}

function write(key, value) {
  const text = JSON.stringify(value);
  try {
    localStorage.setItem(key, text);
    inMemory.delete(key);
  } catch {
    inMemory.set(key, text);
  }
}

function remove(key) {
  inMemory.delete(key);
  try {
    localStorage.removeItem(key);
  } catch {
    // then it is not there either
  }
}
