// The page of a review: which object is open, what was clicked on it, what became of it.

import { Picture } from "./picture.js";
import { Refused, get, image, imageUrl, post, postForBytes } from "./server.js";
import { Store, keepSetting, setting } from "./store.js";

const COUNT = 100; // objects that are asked for at a time
const RETRY_MILLISECONDS = 2000;
const WORDS = { accepted: "Accepted", corrected: "Corrected", rejected: "Rejected", added: "Added", withdrawn: "Taken back" };
const UNITS = new Intl.NumberFormat("en");

const $ = (id) => document.getElementById(id);
const picture = new Picture($("picture"), click, (y, x) => say(`Row ${y}, column ${x}`));

let store; // what this browser keeps of the run
let listed = []; // the queue as far as it was read
let total = 0;
let open = null; // the object that is shown, see `openPlace`
let opening = 0; // counts requests: an answer to an older one is not shown any more
let reading = 0; // so do queues
let isBefore = false; // the mask of the run is shown instead
let isSending = false;
let news = "";

// --- what is told

function say(text) {
  $("status").textContent = text;
}

function warn(text) {
  $("alert").textContent = text;
  $("alert").hidden = !text;
}

function tellSaved(state, text) {
  $("saved").dataset.state = state;
  $("saved").textContent = text;
}

async function tellProgress() {
  const now = await get("overview");
  $("bar").max = Math.max(1, now.objects);
  $("bar").value = now.objects - now.open;
  const left = now.whole ? "" : ", and the run goes on";
  $("count").textContent = `${UNITS.format(now.objects - now.open)} of ${UNITS.format(now.objects)} decided${left}`;
  if (now.trouble) warn(now.trouble);
  $("categories").replaceChildren(...now.categories.map((name) => new Option(name, name)));
  return now;
}

// --- the queue

async function readQueue() {
  reading += 1;
  const mine = reading;
  listed = [];
  await readMore();
  if (mine === reading) await openFirst();
}

async function readMore() {
  const mine = reading;
  const order = $("order").value;
  const isImages = order === "images";
  $("show-label").hidden = isImages;
  // of what is to do, that which was decided is not counted any more: the others have moved up
  const isToDo = !isImages && $("show").value === "open";
  const first = isToDo ? listed.filter(isOpenEntry).length : listed.length;
  const answer = isImages
    ? await get("images", { first, count: COUNT })
    : await get("queue", { order, show: $("show").value, first, count: COUNT });
  if (mine !== reading) return; // another order was chosen in the meantime
  const known = new Set(listed.map((one) => one.digest));
  const more = isImages
    ? answer.images.map((one) => ({ ...one, id: null, digest: `image ${one.shard} ${one.key}` }))
    : answer.objects;
  listed.push(...more.filter((one) => !known.has(one.digest)));
  total = isToDo ? answer.total + listed.filter((one) => !isOpenEntry(one)).length : answer.total;
  drawQueue();
}

function drawQueue() {
  const isImages = $("order").value === "images";
  $("listed").textContent = isImages ? `${UNITS.format(total)} images` : `${UNITS.format(total)} objects and their expected IoU`;
  $("list").replaceChildren(...listed.map((one) => entry(one)));
  $("more").hidden = listed.length >= total;
  $("empty").hidden = open !== null || listed.length > 0;
}

function entry(one) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.digest = one.digest;
  const figure = one.id === null ? `${one.objects} ${one.objects === 1 ? "object" : "objects"}` : one.quality === null ? "" : one.quality.toFixed(2);
  button.append(part("key", one.key), part("figure", figure));
  const words = [one.id === null ? "" : `object ${one.id}`, WORDS[one.verdict] ?? ""].filter(Boolean).join(" · ");
  if (words) button.append(part(`verdict ${one.verdict ?? ""}`, words));
  button.setAttribute("aria-current", String(open !== null && open.entry === one.digest));
  button.addEventListener("click", () => openEntry(one));
  const item = document.createElement("li");
  item.append(button);
  return item;
}

function part(kind, text) {
  const span = document.createElement("span");
  span.className = kind;
  span.textContent = text;
  return span;
}

function markCurrent() {
  for (const button of $("list").querySelectorAll("button")) {
    const isCurrent = open !== null && button.dataset.digest === open.entry;
    button.setAttribute("aria-current", String(isCurrent));
    if (isCurrent) button.scrollIntoView({ block: "nearest" });
  }
}

function isOpenEntry(one) {
  return one.id === null ? one.objects === 0 : !one.verdict || one.verdict === "withdrawn";
}

async function openFirst() {
  const first = listed.find(isOpenEntry) ?? listed[0];
  if (first) await openEntry(first);
  else closeObject();
}

async function move(step) {
  const at = listed.findIndex((one) => open !== null && one.digest === open.entry);
  if (at + step >= listed.length && listed.length < total) await readMore();
  const next = listed[at + step];
  if (next) await openEntry(next);
  else say(step > 0 ? "This is the last one" : "This is the first one");
}

// after a decision: the next one that nobody has decided on
async function moveOn() {
  const at = listed.findIndex((one) => open !== null && one.digest === open.entry);
  let next = listed.slice(at + 1).find(isOpenEntry);
  if (!next && listed.length < total) {
    await readMore();
    next = listed.slice(at + 1).find(isOpenEntry);
  }
  if (!next && $("show").value === "open" && $("order").value !== "images") {
    listed = []; // from the top: what was passed over, and what others have taken back
    await readMore();
  }
  next ??= listed.find(isOpenEntry);
  if (next && $("show").value !== "decided") await openEntry(next);
  else if (listed.length) drawObject();
  else closeObject();
}

// --- one object

function openEntry(one) {
  $("queue").classList.remove("open");
  $("queue-open").setAttribute("aria-expanded", "false");
  return openPlace({ shard: one.shard, key: one.key, id: one.id ?? newId() }, one.digest);
}

function newId() {
  return `added-${token().slice(0, 8)}`;
}

function token() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function openPlace(place, digestOfEntry) {
  opening += 1;
  const mine = opening;
  warn("");
  try {
    const isSameImage = open !== null && open.place.shard === place.shard && open.place.key === place.key;
    const [shown, pixels] = await Promise.all([
      post("object", { ...place, clicks: [] }),
      isSameImage ? open.pixels : image(place),
    ]);
    if (mine !== opening) return;
    open = {
      place,
      pixels,
      shown,
      entry: digestOfEntry,
      number: shown.decided?.number ?? 0,
      clicks: shown.decided?.clicks ?? [],
      redo: [],
      looks: new Map([["[]", { mask: shown.mask, quality: shown.quality }]]),
      working: null,
    };
    const draft = store.draft(shown.digest);
    if (draft !== null) Object.assign(open, { clicks: draft.clicks, redo: draft.redo });
    isBefore = false;
    picture.show(pixels, shown.height, shown.width);
    $("category").value = shown.decided?.category ?? shown.category;
    markCurrent();
    showOthers();
    drawObject();
    await showLook();
    say(`${news}${place.key}, object ${place.id}. ${describeState()}`);
    news = "";
    prefetch();
  } catch (error) {
    if (mine === opening) tellError(error);
  }
}

function closeObject() {
  open = null;
  picture.clear();
  drawObject();
  drawQueue();
}

function prefetch() {
  const at = listed.findIndex((one) => one.digest === open?.entry);
  const next = listed.slice(at + 1).find((one) => isOpenEntry(one) && one.key !== open.place.key);
  // read to its end: a browser has six connections to a server, and an answer that is not read keeps one
  if (next) fetch(imageUrl(next)).then((answer) => answer.blob()).catch(() => {});
}

function tellError(error) {
  if (!(error instanceof Refused)) throw error;
  warn(error.message);
  say(error.message);
}

function showOthers() {
  const wanted = $("others").checked && open !== null;
  picture.setOthers(wanted ? open.shown.others.map((one) => one.mask) : null);
}

function describeState() {
  const decided = open.shown.decided;
  return decided ? `${WORDS[decided.verdict]} by ${decided.reviewer}` : "To do";
}

function drawObject() {
  const isOpen = open !== null;
  $("empty").hidden = isOpen || listed.length > 0;
  const isPending = isOpen && isOnItsWay(open.shown.digest);
  const decided = isOpen ? open.shown.decided : null;
  const canAccept = isOpen && !isPending && (open.shown.in_run || open.clicks.length > 0 || decided?.mask) && !open.working;
  $("accept").disabled = !canAccept;
  $("accept-text").textContent = !isOpen || open.clicks.length === 0 ? "Accept" : "Save mask";
  $("reject").disabled = !isOpen || isPending || (!open.shown.in_run && !decided);
  $("withdraw").disabled = !decided || decided.verdict === "withdrawn" || isPending;
  for (const id of ["new", "next", "previous", "compare", "category"]) $(id).disabled = !isOpen;
  $("undo").disabled = !isOpen || open.clicks.length === 0;
  $("redo").disabled = !isOpen || open.redo.length === 0;
  $("compare").setAttribute("aria-pressed", String(isBefore));
  $("busy").hidden = !isOpen || !open.working;
  $("title").textContent = isOpen ? `${open.place.key} · ${open.shown.in_run ? `object ${open.place.id}` : "new object"}` : "No object";
  $("facts").replaceChildren(...(isOpen ? facts() : []));
  const clicked = isOpen ? `, ${open.clicks.length} clicks` : "";
  $("picture").setAttribute("aria-label", isOpen ? `Image ${open.place.key} with the mask of object ${open.place.id}${clicked}` : "Image and mask");
}

function* facts() {
  const { shown, clicks } = open;
  const look = lookAt(open, clicks);
  const decided = shown.decided;
  yield* fact("State", decided ? WORDS[decided.verdict] : "To do");
  if (decided) yield* fact("By", `${decided.reviewer}, ${decided.time.slice(0, 16).replace("T", " ")} UTC`);
  if (look && look.quality !== null) yield* fact("Expected IoU", look.quality.toFixed(3));
  if (shown.iou !== null && look?.mask === shown.mask) yield* fact("IoU with truth", shown.iou.toFixed(3));
  if (shown.num_clicks !== null) yield* fact("Clicks of the run", shown.num_clicks);
  if (clicks.length) yield* fact("Your clicks", clicks.length);
  if (typeof decided?.iou === "number") yield* fact("IoU with the run's", decided.iou.toFixed(3));
}

function fact(name, value) {
  const [term, text] = [document.createElement("dt"), document.createElement("dd")];
  term.textContent = name;
  text.textContent = value;
  return [term, text];
}

// --- clicks

function click(y, x, adds) {
  if (open === null || isOnItsWay(open.shown.digest)) return;
  isBefore = false;
  open.clicks = [...open.clicks, [y, x, adds]];
  open.redo = [];
  changedClicks();
}

function undo() {
  if (open === null || open.clicks.length === 0) return;
  open.redo = [open.clicks.at(-1), ...open.redo];
  open.clicks = open.clicks.slice(0, -1);
  changedClicks();
}

function redo() {
  if (open === null || open.redo.length === 0) return;
  open.clicks = [...open.clicks, open.redo[0]];
  open.redo = open.redo.slice(1);
  changedClicks();
}

function changedClicks() {
  const { clicks, redo, shown } = open;
  const isAsSaved = JSON.stringify(clicks) === JSON.stringify(shown.decided?.clicks ?? []);
  store.keepDraft(shown.digest, isAsSaved && redo.length === 0 ? null : { clicks, redo });
  showLook().catch(tellError);
}

// the mask of clicks: what was saved of them, or else what the model has made; undefined if it was not asked yet
function lookAt(one, clicks) {
  const { decided } = one.shown;
  const name = JSON.stringify(clicks);
  const isSaved = decided?.mask && name === JSON.stringify(decided.clicks);
  return isSaved ? decided : one.looks.get(name);
}

// shows the mask of the clicks there are; what has to be asked for is asked for one after the other
async function showLook() {
  const mine = open;
  picture.setClicks(isBefore ? [] : mine.clicks);
  if (mine.working) return mine.working;
  mine.working = followClicks(mine);
  drawObject();
  try {
    await mine.working;
  } finally {
    mine.working = null;
    if (open === mine) drawObject();
  }
  return undefined;
}

async function followClicks(mine) {
  for (;;) {
    const clicks = mine.clicks;
    const name = JSON.stringify(clicks);
    if (!lookAt(mine, clicks)) {
      const look = await post("answer", body(mine.place, clicks)); // if it is refused the clicks stay: they are work
      mine.looks.set(name, look);
      if (open === mine) say(`New mask: ${UNITS.format(look.area)} pixels, expected IoU ${look.quality.toFixed(2)}`);
    }
    if (open !== mine) return;
    if (JSON.stringify(mine.clicks) !== name) continue;
    drawMask();
    await showProbabilities();
    return;
  }
}

function drawMask() {
  const look = isBefore ? open.shown : lookAt(open, open.clicks);
  picture.setMask(look?.mask ?? open.shown.mask);
  picture.setClicks(isBefore ? [] : open.clicks);
}

function body(place, clicks) {
  return { ...place, clicks: clicks.map(([y, x, adds]) => ({ y, x, is_foreground: adds })) };
}

async function showProbabilities() {
  const mine = open;
  if (mine === null || !$("probability").checked) {
    picture.setProbabilities(null);
    return;
  }
  const clicks = isBefore ? [] : mine.clicks;
  try {
    const bytes = await postForBytes("probabilities", body(mine.place, clicks));
    if (open === mine) picture.setProbabilities(bytes);
  } catch (error) {
    picture.setProbabilities(null);
    tellError(error);
  }
}

function compare() {
  if (open === null) return;
  isBefore = !isBefore;
  say(isBefore ? "Before: the mask of the run" : "After: the mask as corrected");
  drawObject();
  drawMask();
  showProbabilities();
}

// --- decisions

function isOnItsWay(digest) {
  return store.pending().some((one) => one.digest === digest);
}

function decide(verdict) {
  if (open === null || isOnItsWay(open.shown.digest)) return;
  if (verdict === "accepted" && $("accept").disabled) return;
  const clicks = verdict === "accepted" ? open.clicks : [];
  const category = $("category").value.trim();
  const decision = {
    digest: open.shown.digest,
    entry: open.entry,
    decision: token(),
    object: body(open.place, clicks),
    after: open.number,
    verdict: clicks.length ? "corrected" : verdict,
    reviewer: setting("reviewer", ""),
    category: category === open.shown.category || !category || verdict === "withdrawn" ? null : category,
  };
  store.keepPending(decision);
  drawObject();
  send();
}

// sends what is not saved, the oldest first, until the server has all of it
async function send() {
  if (isSending) return;
  isSending = true;
  try {
    for (let waiting = store.pending(); waiting.length; waiting = store.pending()) {
      tellSaved("saving", "Saving…");
      const { digest, entry: place, made, ...decision } = waiting[0];
      try {
        const decided = await post("decide", decision);
        store.dropPending(waiting[0]);
        store.keepDraft(digest, null);
        tellSaved("saved", "Saved");
        warn("");
        await saved(waiting[0], decided).catch(tellError); // it is saved, whatever is asked for next
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        if (error.isOpen) {
          tellSaved("waiting", "Not saved");
          warn(`Not saved yet: ${waiting.length} ${waiting.length === 1 ? "decision waits" : "decisions wait"} in this browser and will be sent again. ${error.message}`);
          drawObject();
          await new Promise((resolve) => setTimeout(resolve, RETRY_MILLISECONDS));
          continue;
        }
        store.dropPending(waiting[0]);
        if (waiting[0].object.clicks.length) {
          const clicks = waiting[0].object.clicks.map((one) => [one.y, one.x, one.is_foreground]);
          store.keepDraft(digest, { clicks, redo: [] }); // their work is not lost with a decision that is refused
        }
        tellSaved("waiting", "Not saved");
        if (open !== null && open.shown.digest === digest) await openPlace(open.place, open.entry);
        warn(error.message);
        say(error.message);
      }
    }
  } finally {
    isSending = false;
    drawObject();
  }
}

async function saved(decision, decided) {
  const found = listed.find((one) => one.digest === decision.digest || one.digest === decision.entry);
  if (found && found.id !== null && found.digest === decision.digest) found.verdict = decided.verdict;
  if (found && found.id === null && decided.verdict === "added") found.objects += 1;
  news = `${WORDS[decided.verdict]}, saved. `; // said with the object that comes next
  say(news);
  drawQueue();
  if (open !== null && open.shown.digest === decision.digest) {
    open.number = decided.number;
    open.shown.decided = decided;
    open.clicks = decided.clicks;
    open.redo = [];
    markCurrent();
    if (decided.verdict === "withdrawn") {
      $("category").value = open.shown.category;
      drawObject();
      await showLook();
    } else if (decided.verdict === "added") await openPlace({ ...open.place, id: newId() }, open.entry);
    else await moveOn();
  }
  await tellProgress();
}

function addObject() {
  if (open === null) return;
  openPlace({ ...open.place, id: newId() }, open.entry).then(() => say("A new object: click on it"));
}

// --- keys

function key(event) {
  const isInPicture = event.target === $("picture");
  const isText = event.target.matches("input:not([type]), select, textarea");
  const isControl = event.target.matches("input[type=range]") && event.key.startsWith("Arrow");
  if (event.ctrlKey || event.metaKey || event.altKey || isText || isControl || $("help").open) return;
  if (!isInPicture && !setting("shortcuts", true)) return;
  const isOnButton = event.target.matches("button, input") && (event.key === "Enter" || event.key === " ");
  const act = isOnButton ? undefined : actOf(event);
  if (!act) return;
  event.preventDefault();
  act();
}

function actOf(event) {
  const arrow = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
  if (arrow) {
    if (event.target !== $("picture")) return undefined;
    const [x, y] = arrow;
    return event.shiftKey ? () => picture.pan(-40 * x, -40 * y) : () => picture.moveCursor(6 * x, 6 * y);
  }
  const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return {
    a: () => decide("accepted"),
    r: () => $("reject").click(),
    u: () => $("withdraw").click(),
    l: () => $("category").focus(),
    j: () => move(1).catch(tellError),
    k: () => move(-1).catch(tellError),
    n: addObject,
    z: event.shiftKey ? redo : undo,
    y: redo,
    x: () => setTool(!picture.adds),
    f: () => clickAtCursor(true),
    b: () => clickAtCursor(false),
    v: compare,
    p: () => $("probability").click(),
    o: () => $("others").click(),
    "+": () => picture.zoom(1.25),
    "=": () => picture.zoom(1.25),
    "-": () => picture.zoom(0.8),
    0: () => picture.fit(),
    "[": () => setOpacity(picture.opacity - 0.1),
    "]": () => setOpacity(picture.opacity + 0.1),
    "?": () => $("help").showModal(),
  }[name];
}

function clickAtCursor(adds) {
  if (picture.cursor === null) {
    picture.moveCursor(0, 0);
    $("picture").focus();
    say("Move the crosshair with the arrow keys, then press F or B");
    return;
  }
  click(picture.cursor.y, picture.cursor.x, adds);
}

function setTool(adds) {
  picture.adds = adds;
  $("tool-add").setAttribute("aria-pressed", String(adds));
  $("tool-remove").setAttribute("aria-pressed", String(!adds));
  picture.draw();
  say(adds ? "Clicks add" : "Clicks remove");
}

function setOpacity(value) {
  picture.opacity = Math.min(Math.max(value, 0), 1);
  $("opacity").value = Math.round(picture.opacity * 100);
  keepSetting("opacity", picture.opacity);
  picture.draw();
}

// --- begin

function listen() {
  const on = (id, act, event = "click") => $(id).addEventListener(event, act);
  on("order", () => readQueue().catch(tellError), "change");
  on("show", () => readQueue().catch(tellError), "change");
  on("more", () => readMore().catch(tellError));
  on("decision", (event) => { event.preventDefault(); decide("accepted"); }, "submit");
  on("reject", () => decide("rejected"));
  on("withdraw", () => decide("withdrawn"));
  on("next", () => move(1).catch(tellError));
  on("previous", () => move(-1).catch(tellError));
  on("new", addObject);
  on("undo", undo);
  on("redo", redo);
  on("compare", compare);
  on("tool-add", () => setTool(true));
  on("tool-remove", () => setTool(false));
  on("zoom-in", () => picture.zoom(1.25));
  on("zoom-out", () => picture.zoom(0.8));
  on("zoom-fit", () => picture.fit());
  on("opacity", () => setOpacity($("opacity").value / 100), "input");
  on("probability", () => showProbabilities(), "change");
  on("others", showOthers, "change");
  on("help-open", () => $("help").showModal());
  on("help-close", () => $("help").close());
  on("reviewer", () => keepSetting("reviewer", $("reviewer").value), "change");
  on("shortcuts", () => keepSetting("shortcuts", $("shortcuts").checked), "change");
  on("queue-open", () => {
    const isShown = $("queue").classList.toggle("open");
    $("queue-open").setAttribute("aria-expanded", String(isShown));
  });
  document.addEventListener("keydown", key);
}

async function begin() {
  const overview = await tellProgress();
  store = new Store(overview.run);
  $("run").textContent = overview.run;
  document.title = `Review of ${overview.run.split("/").at(-1)}`;
  $("reviewer").value = setting("reviewer", overview.reviewer);
  $("reviewer").placeholder = overview.reviewer;
  $("shortcuts").checked = setting("shortcuts", true);
  setOpacity(setting("opacity", 0.45));
  listen();
  if (store.pending().length) await send();
  const told = $("alert").textContent; // of a decision that was refused
  await readQueue();
  if (told) warn(told);
}

begin().catch(tellError);
