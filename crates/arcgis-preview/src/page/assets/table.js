// The table: only the rows on the screen are there.

const ROW_HEIGHT = 26;
// Browsers do not scroll through more pixels than this, some not even that.
const MOST_PIXELS = 8e6;

const element = (name, className, text) => {
  const made = document.createElement(name);
  if (className) made.className = className;
  // Always text: what rows hold is never read as HTML.
  if (text !== undefined) made.textContent = text;
  return made;
};

class Table {
  constructor(columns, rows, numbers, choose) {
    Object.assign(this, { columns, rows, numbers, choose });
    this.order = Uint32Array.from({ length: rows }, (_, row) => row);
    this.sorted = { column: -1, down: false };
    this.chosen = -1;
    [this.grid, this.body, this.lines] = [byId("grid"), byId("body"), byId("rows")];
    this.widths = columns.map((column) => Table.widthOf(column, rows));
    this.makeHead();
    this.grid.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(this.grid);
    this.lines.addEventListener("click", (event) => {
      const line = event.target.closest(".row");
      if (line) this.choose(Number(line.dataset.row));
    });
    this.grid.addEventListener("keydown", (event) => this.key(event));
    this.draw();
  }

  number(row) {
    return this.numbers ? this.numbers[row] : row + 1;
  }

  static widthOf(column, rows) {
    let letters = column.name.length + 2;
    for (let sample = 0; sample < 60; sample++) {
      const text = rows ? column.text(Math.floor((sample * rows) / 60)) : null;
      if (text) letters = Math.max(letters, Math.min(text.length, 36));
    }
    return Math.max(64, Math.min(280, letters * 8.3 + 24));
  }

  makeHead() {
    const head = byId("head");
    head.append(this.sized(element("div", "cell number right", "#"), -1));
    this.columns.forEach((column, at) => {
      const cell = element("button", column.right ? "cell right" : "cell");
      cell.type = "button";
      cell.title = `${column.name} (${column.type})`;
      cell.append(element("span", "", column.name), element("small"));
      cell.addEventListener("click", () => this.sort(at));
      head.append(this.sized(cell, at));
    });
  }

  sized(cell, at) {
    const letters = count(this.rows ? this.number(this.rows - 1) : 1).length;
    cell.style.width = `${at < 0 ? Math.max(44, letters * 8.8 + 24) : this.widths[at]}px`;
    return cell;
  }

  /** Sorts by a column: upwards, then downwards, then as the rows came. */
  sort(at) {
    const { column, down } = this.sorted;
    if (column !== at) this.sorted = { column: at, down: false };
    else this.sorted = down ? { column: -1, down: false } : { column: at, down: true };
    const marks = byId("head").querySelectorAll("small");
    marks.forEach((mark, place) => {
      mark.textContent = place === this.sorted.column ? (this.sorted.down ? "▼" : "▲") : "";
    });
    this.arrange();
  }

  /** Keeps the rows that hold a text. */
  find(text) {
    const wanted = text.trim().toLowerCase();
    this.finders = wanted ? this.columns.map((column) => column.finder(wanted)).filter(Boolean) : null;
    this.arrange();
    return this.order.length;
  }

  arrange() {
    const kept = [];
    for (let row = 0; row < this.rows; row++) {
      if (!this.finders || this.finders.some((holds) => holds(row))) kept.push(row);
    }
    const { column: at, down } = this.sorted;
    if (at >= 0) {
      const column = this.columns[at];
      const ranks = column.ranks(this.rows);
      const way = down ? -1 : 1;
      kept.sort((a, b) => {
        const [noA, noB] = [column.isNull(a), column.isNull(b)];
        if (noA || noB) return noA - noB || a - b;
        const [x, y] = [ranks[a], ranks[b]];
        // NaN is behind all numbers.
        return (x < y ? -way : x > y ? way : 0) || (x !== x) - (y !== y) || a - b;
      });
    }
    this.order = Uint32Array.from(kept);
    this.grid.scrollTop = 0;
    this.draw();
  }

  /** Pixels that rows take, and those that are scrolled through. */
  heights() {
    const all = this.order.length * ROW_HEIGHT;
    return { all, scrolled: Math.min(all, MOST_PIXELS) };
  }

  draw() {
    const { grid, order } = this;
    const { all, scrolled } = this.heights();
    this.body.style.height = `${scrolled}px`;
    const head = byId("head").offsetHeight;
    const view = Math.max(0, grid.clientHeight - head);
    const part = scrolled > view ? grid.scrollTop / (scrolled - view) : 0;
    const top = Math.min(1, part) * Math.max(0, all - view);
    const first = Math.max(0, Math.floor(top / ROW_HEIGHT) - 4);
    const last = Math.min(order.length, Math.ceil((top + view) / ROW_HEIGHT) + 4);
    // Columns off the screen are left blank.
    const [left, right] = [grid.scrollLeft - 300, grid.scrollLeft + grid.clientWidth + 300];
    const lines = [];
    for (let at = first; at < last; at++) lines.push(this.line(order[at], left, right));
    this.lines.replaceChildren(...lines);
    this.lines.style.transform = `translateY(${grid.scrollTop - (top - first * ROW_HEIGHT)}px)`;
  }

  line(row, left, right) {
    const line = element("div", row === this.chosen ? "row chosen" : "row");
    line.dataset.row = row;
    line.setAttribute("role", "row");
    line.append(this.sized(element("div", "cell number right", count(this.number(row))), -1));
    let at = 60;
    this.columns.forEach((column, place) => {
      const width = this.widths[place];
      const isSeen = at + width > left && at < right;
      const text = isSeen ? column.text(row) : "";
      const cell = element("div", "cell", text === null ? "null" : text.slice(0, 200));
      if (column.right) cell.classList.add("right");
      if (text === null) cell.classList.add("null");
      line.append(this.sized(cell, place));
      at += width;
    });
    return line;
  }

  /** Marks a row, and scrolls to it if it is not on the screen. */
  select(row) {
    this.chosen = row;
    const at = this.order.indexOf(row);
    if (at >= 0) {
      const { all, scrolled } = this.heights();
      const view = Math.max(0, this.grid.clientHeight - byId("head").offsetHeight);
      const part = scrolled > view ? this.grid.scrollTop / (scrolled - view) : 0;
      const top = part * Math.max(0, all - view);
      const place = at * ROW_HEIGHT;
      if (place < top || place + ROW_HEIGHT > top + view) {
        const wanted = Math.max(0, place - (view - ROW_HEIGHT) / 2);
        this.grid.scrollTop = all > view ? (wanted / (all - view)) * (scrolled - view) : 0;
      }
    }
    this.draw();
  }

  key(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15 };
    const step = steps[event.key];
    if (!step || !this.order.length) return;
    event.preventDefault();
    const at = this.order.indexOf(this.chosen);
    const next = at < 0 ? 0 : Math.max(0, Math.min(this.order.length - 1, at + step));
    this.choose(this.order[next]);
  }
}
