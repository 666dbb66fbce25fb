// The square that a person draws: dragged, resized at its corners, or moved with the keyboard.
// Positions are pixels of the picture as shown; what leaves here are fractions of the upright photo.

const SMALLEST = 32; // px on screen

export class CropBox {
  /**
   * @param {HTMLElement} box     the square
   * @param {HTMLElement} shade   as large as the square; dims what lies around it
   * @param {HTMLImageElement} image  the picture under it
   * @param {(region: Region) => void} changed  told after every change
   */
  constructor(box, shade, image, changed) {
    this.box = box;
    this.shade = shade;
    this.image = image;
    this.changed = changed;
    this.square = null; // {x, y, side} as fractions of the picture's width, height and shorter side
    box.addEventListener("pointerdown", (event) => this.grab(event));
    box.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(image);
  }

  show(visible) {
    this.box.hidden = this.shade.hidden = !visible;
    if (visible && !this.square) this.centre();
    if (visible) this.draw();
  }

  forget() {
    this.square = null;
    this.show(false);
  }

  /** The region as fractions {x, y, width, height}. */
  region() {
    const { x, y, side } = this.square;
    const { width, height, shorter } = this.size();
    return { x, y, width: Math.min((side * shorter) / width, 1 - x), height: Math.min((side * shorter) / height, 1 - y) };
  }

  centre() {
    const { width, height, shorter } = this.size();
    const side = 0.7;
    const centred = (whole) => (1 - (side * shorter) / whole) / 2;
    this.square = { x: centred(width), y: centred(height), side };
  }

  size() {
    const width = this.image.clientWidth || 1;
    const height = this.image.clientHeight || 1;
    return { width, height, shorter: Math.min(width, height) };
  }

  /** Put the square there (pixels), kept inside the picture. */
  place(left, top, side) {
    const { width, height, shorter } = this.size();
    side = clamp(side, Math.min(SMALLEST, shorter), shorter);
    this.square = {
      x: clamp(left, 0, width - side) / width,
      y: clamp(top, 0, height - side) / height,
      side: side / shorter,
    };
    this.draw();
  }

  pixels() {
    const { width, height, shorter } = this.size();
    const { x, y, side } = this.square;
    return { left: x * width, top: y * height, side: side * shorter };
  }

  draw() {
    if (this.box.hidden || !this.square) return;
    const { left, top, side } = this.pixels();
    const there = {
      left: `${this.image.offsetLeft + left}px`,
      top: `${this.image.offsetTop + top}px`,
      width: `${side}px`,
      height: `${side}px`,
    };
    Object.assign(this.box.style, there);
    Object.assign(this.shade.style, there);
    this.changed(this.region());
  }

  grab(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.box.focus();
    const corner = event.target.closest("[data-corner]")?.dataset.corner;
    const start = this.pixels();
    const from = { x: event.clientX, y: event.clientY };
    const move = (now) => this.drag(corner, start, now.clientX - from.x, now.clientY - from.y);
    const stop = () => {
      this.box.removeEventListener("pointermove", move);
      this.box.removeEventListener("pointerup", stop);
      this.box.removeEventListener("pointercancel", stop);
    };
    this.box.setPointerCapture(event.pointerId);
    this.box.addEventListener("pointermove", move);
    this.box.addEventListener("pointerup", stop);
    this.box.addEventListener("pointercancel", stop);
  }

  drag(corner, start, dx, dy) {
    if (!corner) return this.place(start.left + dx, start.top + dy, start.side);
    // The corner opposite stays where it is, and the square may grow only as far as the picture reaches from there.
    const { width, height } = this.size();
    const west = corner.includes("w");
    const north = corner.includes("n");
    const growth = Math.max(west ? -dx : dx, north ? -dy : dy);
    const room = Math.min(
      west ? start.left + start.side : width - start.left,
      north ? start.top + start.side : height - start.top,
    );
    const side = clamp(start.side + growth, SMALLEST, room);
    this.place(west ? start.left + start.side - side : start.left, north ? start.top + start.side - side : start.top, side);
  }

  key(event) {
    const step = this.size().shorter * (event.shiftKey ? 0.1 : 0.02);
    const { left, top, side } = this.pixels();
    const moves = {
      ArrowLeft: [left - step, top, side],
      ArrowRight: [left + step, top, side],
      ArrowUp: [left, top - step, side],
      ArrowDown: [left, top + step, side],
      "+": [left - step / 2, top - step / 2, side + step],
      "=": [left - step / 2, top - step / 2, side + step],
      "-": [left + step / 2, top + step / 2, side - step],
      _: [left + step / 2, top + step / 2, side - step],
    };
    const move = moves[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.place(...move);
  }
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), Math.max(low, high));
}
