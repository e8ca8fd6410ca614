// The data: arrays out of one run of bytes, values out of arrays.

const about = JSON.parse(document.getElementById("about").textContent);
const byId = (id) => document.getElementById(id);

/** The bytes behind the page's own text. */
async function unpack() {
  const text = byId("data").textContent;
  let packed;
  if (Uint8Array.fromBase64) {
    packed = Uint8Array.fromBase64(text);
  } else {
    const letters = atob(text);
    packed = new Uint8Array(letters.length);
    for (let at = 0; at < letters.length; at++) packed[at] = letters.charCodeAt(at);
  }
  byId("data").remove();
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

/** An array that the page was told of. */
function arrayOf(buffer, told) {
  const kinds = {
    Uint8Array, Uint16Array, Uint32Array, Int32Array, BigInt64Array, BigUint64Array, Float32Array, Float64Array,
  };
  return new kinds[told.type](buffer, told.at, told.length);
}

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 20 });
const count = (number) => grouped.format(number);
const things = (number, thing) => `${count(number)} ${thing}${number === 1 ? "" : "s"}`;

/** A moment as text: without a time where it is midnight of a date column, without fractions where there are none. */
function moment(milliseconds, dateOnly) {
  const whole = Math.floor(milliseconds);
  const date = new Date(whole);
  if (Number.isNaN(date.getTime())) return `${milliseconds} ms`;
  const text = date.toISOString();
  const day = text.slice(0, text.indexOf("T"));
  if (dateOnly) return day;
  const time = text.slice(day.length + 1, -1);
  return `${day} ${time.endsWith(".000") ? time.slice(0, -4) : time}`;
}

/** The shortest text that is this number of 32 bits. */
function single(value) {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(value);
}

/** A column: its values, and their text. */
class Column {
  constructor(told, buffer) {
    Object.assign(this, told);
    const cells = told.cells;
    this.nulls = cells.nulls ? arrayOf(buffer, cells.nulls) : null;
    this.right = told.kind === "number";
    if (told.kind === "text") {
      this.codes = arrayOf(buffer, cells.codes);
      this.ends = arrayOf(buffer, cells.ends);
      this.bytes = arrayOf(buffer, cells.bytes);
      this.texts = new Array(this.ends.length);
    } else {
      this.values = arrayOf(buffer, cells.values);
    }
  }

  isNull(row) {
    return this.nulls !== null && (this.nulls[row >> 3] & (1 << (row & 7))) !== 0;
  }

  textOf(code) {
    const known = this.texts[code];
    if (known !== undefined) return known;
    const start = code === 0 ? 0 : this.ends[code - 1];
    const text = Column.decoder.decode(this.bytes.subarray(start, this.ends[code]));
    this.texts[code] = text;
    return text;
  }

  text(row) {
    if (this.isNull(row)) return null;
    if (this.codes) return this.textOf(this.codes[row]);
    const value = this.values[row];
    switch (this.kind) {
      case "boolean": return value ? "true" : "false";
      case "date": return moment(value, true);
      case "moment": return moment(value, false);
      default: return this.values instanceof Float32Array ? single(value) : String(value);
    }
  }

  /** Which rows hold a text: a check of one row, with each different text looked at once. */
  finder(wanted) {
    if (this.codes) {
      const hits = new Uint8Array(this.ends.length);
      for (let code = 0; code < hits.length; code++) {
        hits[code] = this.textOf(code).toLowerCase().includes(wanted) ? 1 : 0;
      }
      return hits.includes(1) ? (row) => hits[this.codes[row]] === 1 && !this.isNull(row) : null;
    }
    // Numbers and dates hold no other letters than these.
    if (!/^[-+.:\dTe aflnrstuy∞i]*$/i.test(wanted)) return null;
    return (row) => {
      const text = this.text(row);
      return text !== null && text.toLowerCase().includes(wanted);
    };
  }

  /** The order of its rows, nulls last: a number for each row. */
  ranks(rows) {
    if (!this.codes) return this.values;
    const order = Array.from({ length: this.ends.length }, (_, code) => code);
    const compare = new Intl.Collator(undefined, { numeric: true }).compare;
    order.sort((a, b) => compare(this.textOf(a), this.textOf(b)));
    const ranks = new Uint32Array(order.length);
    order.forEach((code, rank) => { ranks[code] = rank; });
    const all = new Uint32Array(rows);
    for (let row = 0; row < rows; row++) all[row] = ranks[this.codes[row]];
    return all;
  }
}
Column.decoder = new TextDecoder();

/** Features on their grid: positions, parts and where each feature's parts begin. */
class Shapes {
  constructor(told, buffer) {
    const bytes = arrayOf(buffer, told.steps);
    this.count = told.features;
    this.xs = new Float64Array(told.positions);
    this.ys = new Float64Array(told.positions);
    this.partStart = new Uint32Array(told.parts + 1);
    this.partKind = new Uint8Array(told.parts);
    this.featureStart = new Uint32Array(told.features + 1);
    this.boxes = new Float64Array(told.features * 4);
    this.kinds = new Uint8Array(told.features);
    let at = 0;
    // Numbers may be wider than the 32 bits of shifts.
    const next = () => {
      let byte = bytes[at++];
      let value = byte & 127;
      let factor = 128;
      while (byte > 127) {
        byte = bytes[at++];
        value += (byte & 127) * factor;
        factor *= 128;
      }
      return value;
    };
    const step = () => {
      const value = next();
      return value % 2 ? -(value + 1) / 2 : value / 2;
    };
    let [x, y, position, part] = [0, 0, 0, 0];
    for (let feature = 0; feature < told.features; feature++) {
      this.featureStart[feature] = part;
      let [west, south, east, north] = [Infinity, Infinity, -Infinity, -Infinity];
      for (let parts = next(); parts > 0; parts--) {
        const head = next();
        this.partKind[part] = head % 4;
        this.kinds[feature] |= 1 << (head % 4);
        for (let left = Math.floor(head / 4); left > 0; left--) {
          x += step();
          y += step();
          this.xs[position] = x;
          this.ys[position] = y;
          position++;
          if (x < west) west = x;
          if (x > east) east = x;
          if (y < south) south = y;
          if (y > north) north = y;
        }
        part++;
        this.partStart[part] = position;
      }
      this.boxes.set([west, south, east, north], feature * 4);
    }
    this.featureStart[told.features] = part;
  }
}
const POINTS = 0, LINE = 1, SHELL = 2, HOLE = 3;
