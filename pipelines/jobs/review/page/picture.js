// The image, masks over it, clicks, crosshair; zoom and pan. Coordinates are pixels of the image, row first.

const MASK = [86, 180, 233];
const OTHERS = [230, 159, 0];
const WHITE = [255, 255, 255];
const PROBABLE = [254, 232, 56];
const ADDS = "#007a5a";
const REMOVES = "#b3261e";
const DRAG = 5; // CSS pixels that a press may move and still be a click
const MOST_ZOOM = 40;

export class Picture {
  constructor(canvas, onClick, onMove) {
    this.canvas = canvas;
    this.onClick = onClick;
    this.onMove = onMove;
    this.context = canvas.getContext("2d");
    this.opacity = 0.45;
    this.adds = true;
    this.clear();
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.listen();
  }

  clear() {
    this.image = this.mask = this.others = this.probabilities = null;
    this.clicks = [];
    this.cursor = null;
    this.draw();
  }

  show(image, height, width) {
    const isSame = this.image === image;
    Object.assign(this, { image, height, width });
    this.mask = this.others = this.probabilities = null;
    this.clicks = [];
    if (!isSame) this.fit();
  }

  setMask(runs) {
    this.mask = this.layer([runs], MASK, colourOf(WHITE));
    this.draw();
  }

  setOthers(all) {
    this.others = all === null ? null : this.layer(all, OTHERS, colourOf(OTHERS)).border;
    this.draw();
  }

  setProbabilities(bytes) {
    this.probabilities = null;
    if (bytes !== null) {
      const layer = new OffscreenCanvas(this.width, this.height);
      const pixels = new ImageData(this.width, this.height);
      for (let at = 0; at < bytes.length; at += 1) {
        pixels.data.set(PROBABLE, 4 * at);
        pixels.data[4 * at + 3] = (bytes[at] * 217) >> 8;
      }
      layer.getContext("2d").putImageData(pixels, 0, 0);
      this.probabilities = layer;
    }
    this.draw();
  }

  setClicks(clicks) {
    this.clicks = clicks;
    this.draw();
  }

  // masks as two pictures: their pixels, and those of them at a border; rows without any are passed by
  layer(masks, colour, line) {
    const { width, height } = this;
    const inside = new Uint8Array(width * height);
    const [fill, border] = [new ImageData(width, height), new ImageData(width, height)];
    const [filled, bordered] = [new Uint32Array(fill.data.buffer), new Uint32Array(border.data.buffer)];
    const value = colourOf(colour);
    for (const runs of masks) {
      const pieces = [];
      let at = 0;
      runs.forEach((length, index) => {
        if (index % 2) pieces.push([at, at + length]);
        at += length;
      });
      for (const [first, end] of pieces) inside.fill(1, first, end);
      for (const [first, end] of pieces) {
        filled.fill(value, first, end);
        for (let place = first; place < end; place += 1) {
          const [x, y] = [place % width, Math.floor(place / width)];
          const isInner = y > 0 && x > 0 && y < height - 1 && x < width - 1
            && inside[place - 1] && inside[place + 1] && inside[place - width] && inside[place + width];
          if (!isInner) bordered[place] = line;
        }
      }
      for (const [first, end] of pieces) inside.fill(0, first, end);
    }
    return { fill: onCanvas(fill), border: onCanvas(border) };
  }

  // --- view

  resize() {
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.max(1, Math.round(this.canvas.clientWidth * ratio));
    this.canvas.height = Math.max(1, Math.round(this.canvas.clientHeight * ratio));
    if (this.isFitted) this.fit();
    else this.draw();
  }

  get fitting() {
    return Math.min(this.canvas.clientWidth / this.width, this.canvas.clientHeight / this.height);
  }

  fit() {
    if (!this.image) return;
    this.scale = this.fitting;
    this.left = (this.canvas.clientWidth - this.width * this.scale) / 2;
    this.top = (this.canvas.clientHeight - this.height * this.scale) / 2;
    this.isFitted = true;
    this.draw();
  }

  zoom(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    if (!this.image) return;
    const scale = Math.min(Math.max(this.scale * factor, this.fitting * 0.5), MOST_ZOOM);
    this.left = x - ((x - this.left) * scale) / this.scale;
    this.top = y - ((y - this.top) * scale) / this.scale;
    this.scale = scale;
    this.isFitted = false;
    this.draw();
  }

  pan(x, y) {
    if (!this.image) return;
    this.left += x;
    this.top += y;
    this.isFitted = false;
    this.draw();
  }

  at(x, y) {
    return { y: (y - this.top) / this.scale, x: (x - this.left) / this.scale };
  }

  // --- crosshair

  moveCursor(x, y) {
    if (!this.image) return;
    const from = this.cursor ?? { y: Math.floor(this.height / 2), x: Math.floor(this.width / 2) };
    const step = (way) => Math.sign(way) * Math.max(1, Math.round(Math.abs(way) / this.scale));
    this.cursor = {
      y: clamp(from.y + step(y), 0, this.height - 1),
      x: clamp(from.x + step(x), 0, this.width - 1),
    };
    const seen = { x: this.left + (this.cursor.x + 0.5) * this.scale, y: this.top + (this.cursor.y + 0.5) * this.scale };
    const margin = 20;
    this.left += clamp(seen.x, margin, this.canvas.clientWidth - margin) - seen.x;
    this.top += clamp(seen.y, margin, this.canvas.clientHeight - margin) - seen.y;
    this.draw();
    this.onMove(this.cursor.y, this.cursor.x);
  }

  // --- drawing

  draw() {
    if (this.isWaiting) return;
    this.isWaiting = true;
    requestAnimationFrame(() => {
      this.isWaiting = false;
      this.paint();
    });
  }

  paint() {
    const ratio = window.devicePixelRatio || 1;
    const { context } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.image) return;
    const scale = this.scale * ratio;
    context.setTransform(scale, 0, 0, scale, this.left * ratio, this.top * ratio);
    context.imageSmoothingEnabled = this.scale < 3;
    context.drawImage(this.image, 0, 0, this.width, this.height);
    if (this.probabilities) context.drawImage(this.probabilities, 0, 0);
    if (this.others) context.drawImage(this.others, 0, 0);
    if (this.mask) {
      context.globalAlpha = this.probabilities ? 0 : this.opacity;
      context.drawImage(this.mask.fill, 0, 0);
      context.globalAlpha = this.opacity > 0 ? 0.9 : 0;
      context.drawImage(this.mask.border, 0, 0);
      context.globalAlpha = 1;
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.clicks.forEach(([y, x, adds], index) => this.paintClick(y, x, adds, index === this.clicks.length - 1));
    if (this.cursor) this.paintCursor();
  }

  paintClick(y, x, adds, isNewest) {
    const { context } = this;
    const [left, top] = [this.left + (x + 0.5) * this.scale, this.top + (y + 0.5) * this.scale];
    const radius = isNewest ? 10 : 7.5;
    disc(context, left, top, radius, "#ffffff");
    disc(context, left, top, radius - 2, adds ? ADDS : REMOVES);
    const arm = radius - 5;
    context.strokeStyle = "#ffffff";
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(left - arm, top);
    context.lineTo(left + arm, top);
    if (adds) {
      context.moveTo(left, top - arm);
      context.lineTo(left, top + arm);
    }
    context.stroke();
  }

  paintCursor() {
    const { context } = this;
    const [x, y] = [this.left + (this.cursor.x + 0.5) * this.scale, this.top + (this.cursor.y + 0.5) * this.scale];
    for (const [width, colour] of [[5, "#000000"], [2, this.adds ? "#5fd0a8" : "#ff9d94"]]) {
      context.lineWidth = width;
      context.strokeStyle = colour;
      context.beginPath();
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        context.moveTo(x + 4 * dx, y + 4 * dy);
        context.lineTo(x + 16 * dx, y + 16 * dy);
      }
      context.stroke();
    }
  }

  // --- mouse, pen and touch

  listen() {
    const held = new Map();
    let moved = 0;
    let apart = 0;
    const place = (event) => {
      const box = this.canvas.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      if (held.size === 0) moved = 0;
      held.set(event.pointerId, place(event));
      apart = distance(held);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (!held.has(event.pointerId)) return;
      const [from, to] = [held.get(event.pointerId), place(event)];
      held.set(event.pointerId, to);
      moved += Math.hypot(to.x - from.x, to.y - from.y);
      if (held.size === 2) {
        moved = Infinity;
        const now = distance(held);
        if (apart > 0) this.zoom(now / apart, ...middle(held));
        apart = now;
        this.pan((to.x - from.x) / 2, (to.y - from.y) / 2);
      } else if (moved > DRAG) {
        this.pan(to.x - from.x, to.y - from.y);
      }
    });
    const release = (event) => {
      if (!held.delete(event.pointerId) || held.size || moved > DRAG || event.type === "pointercancel") return;
      if (!this.image || event.button > 2 || event.button === 1) return;
      const { y, x } = this.at(place(event).x, place(event).y);
      this.cursor = null;
      if (y < 0 || x < 0 || y >= this.height || x >= this.width) return;
      const removes = event.button === 2 || event.shiftKey ? this.adds : !this.adds;
      this.onClick(Math.floor(y), Math.floor(x), !removes);
    };
    this.canvas.addEventListener("pointerup", release);
    this.canvas.addEventListener("pointercancel", release);
    this.canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    this.canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-clamp(event.deltaY, -100, 100) / 250), place(event).x, place(event).y);
    }, { passive: false });
  }
}

// as a Uint32Array over an ImageData has it
function colourOf([red, green, blue]) {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

function onCanvas(pixels) {
  const canvas = new OffscreenCanvas(pixels.width, pixels.height);
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas;
}

function disc(context, x, y, radius, colour) {
  context.fillStyle = colour;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

function clamp(value, least, most) {
  return Math.min(Math.max(value, least), most);
}

function distance(held) {
  if (held.size !== 2) return 0;
  const [one, other] = held.values();
  return Math.hypot(one.x - other.x, one.y - other.y);
}

function middle(held) {
  const [one, other] = held.values();
  return [(one.x + other.x) / 2, (one.y + other.y) / 2];
}
