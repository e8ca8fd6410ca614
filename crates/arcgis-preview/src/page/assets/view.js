// What of the world is on the screen. Positions are those of the grid: whole steps from its corner.

class View {
  constructor(map) {
    this.told = map;
    const [west, south, east, north] = map.extent;
    this.box = [(west - map.x) / map.cell, (south - map.y) / map.cell, (east - map.x) / map.cell, (north - map.y) / map.cell];
    const middle = (south + north) / 2;
    // A degree to the east is shorter than one to the north.
    this.squeeze = map.degrees ? Math.cos((Math.max(-84, Math.min(84, middle)) * Math.PI) / 180) : 1;
    this.width = this.height = 1;
    this.x = this.y = 0;
    this.scale = 1;
  }

  resize(width, height) {
    [this.width, this.height] = [Math.max(1, width), Math.max(1, height)];
  }

  /** Shows a rectangle with some air around it. */
  show([west, south, east, north], air) {
    const least = this.least();
    const across = Math.max((east - west) * this.squeeze, least);
    const up = Math.max(north - south, least);
    this.x = (west + east) / 2;
    this.y = (south + north) / 2;
    this.scale = Math.min(this.width / across, this.height / up) / air;
  }

  /** The least that is worth being shown: around a single place. */
  least() {
    const { degrees, metres, cell } = this.told;
    const around = degrees ? 0.02 : metres ? 2000 / metres : 1;
    const box = Math.max(this.box[2] - this.box[0], this.box[3] - this.box[1]);
    return box > 0 ? Math.min(around / cell, box / 20) : around / cell;
  }

  left(x) { return (x - this.x) * this.squeeze * this.scale + this.width / 2; }
  top(y) { return (this.y - y) * this.scale + this.height / 2; }
  gridX(left) { return (left - this.width / 2) / (this.squeeze * this.scale) + this.x; }
  gridY(top) { return this.y - (top - this.height / 2) / this.scale; }

  /** Zooms by a factor around a place of the screen. */
  zoom(factor, left, top) {
    const [x, y] = [this.gridX(left), this.gridY(top)];
    const box = Math.max(this.box[2] - this.box[0], this.box[3] - this.box[1], this.least());
    const whole = Math.min(this.width, this.height) / box;
    this.scale = Math.max(whole / 8, Math.min(this.scale * factor, 4000 / this.least() + whole * 8));
    this.x += x - this.gridX(left);
    this.y += y - this.gridY(top);
  }

  /** The coordinates of a place of the screen, as text. */
  placeAt(left, top) {
    const { x, y, cell, degrees } = this.told;
    let [east, north] = [x + this.gridX(left) * cell, y + this.gridY(top) * cell];
    const digits = Math.max(0, Math.min(8, Math.ceil(-Math.log10(cell / this.scale))));
    if (!degrees) return `${east.toFixed(digits)}, ${north.toFixed(digits)}`;
    east = ((((east + 180) % 360) + 360) % 360) - 180;
    const side = (value, sides) => `${Math.abs(value).toFixed(digits)}°${value < 0 ? sides[1] : sides[0]}`;
    return `${side(north, "NS")} ${side(east, "EW")}`;
  }

  /** A round length and how many pixels it takes; null where the unit is unknown. */
  scaleBar(longest) {
    const { y, cell, degrees, metres, mercator } = this.told;
    const north = y + this.y * cell;
    let unit = metres;
    if (degrees) unit = 111319.49 * Math.cos((Math.max(-84, Math.min(84, north)) * Math.PI) / 180);
    if (mercator) unit = 1 / Math.cosh(north / 6378137);
    if (!unit) return null;
    const perPixel = (unit * cell) / (this.squeeze * this.scale);
    const most = perPixel * longest;
    const power = 10 ** Math.floor(Math.log10(most));
    const length = ([5, 2].find((round) => most / power >= round) ?? 1) * power;
    const text = length >= 1000 ? `${count(length / 1000)} km` : `${count(Number(length.toPrecision(1)))} m`;
    return { pixels: length / perPixel, text };
  }
}

/** Which features may be at a place: those whose rectangles touch a square of the grid. */
class Index {
  constructor(shapes, [west, south, east, north]) {
    const side = Math.max(1, Math.min(256, Math.ceil(Math.sqrt(shapes.count / 2))));
    [this.side, this.west, this.south] = [side, west, south];
    this.across = side / Math.max(east - west, 1);
    this.up = side / Math.max(north - south, 1);
    const squares = side * side;
    const starts = new Uint32Array(squares + 1);
    this.large = [];
    const each = (take) => {
      for (let feature = 0; feature < shapes.count; feature++) {
        const box = shapes.boxes.subarray(feature * 4, feature * 4 + 4);
        if (!(box[0] <= box[2])) continue;
        const [left, bottom, right, top] = this.squaresOf(box);
        if ((right - left + 1) * (top - bottom + 1) > 64) {
          take(feature, -1);
          continue;
        }
        for (let row = bottom; row <= top; row++) {
          for (let column = left; column <= right; column++) take(feature, row * side + column);
        }
      }
    };
    each((feature, square) => {
      if (square < 0) this.large.push(feature);
      else starts[square + 1]++;
    });
    for (let square = 0; square < squares; square++) starts[square + 1] += starts[square];
    this.starts = starts;
    this.features = new Uint32Array(starts[squares]);
    const filled = starts.slice();
    each((feature, square) => {
      if (square >= 0) this.features[filled[square]++] = feature;
    });
  }

  squaresOf([west, south, east, north]) {
    const inside = (value) => Math.max(0, Math.min(this.side - 1, Math.floor(value)));
    return [
      inside((west - this.west) * this.across), inside((south - this.south) * this.up),
      inside((east - this.west) * this.across), inside((north - this.south) * this.up),
    ];
  }

  /** Calls `take` with each feature whose rectangle may touch this one; some come more than once. */
  each(box, take) {
    this.large.forEach(take);
    const [left, bottom, right, top] = this.squaresOf(box);
    for (let row = bottom; row <= top; row++) {
      for (let column = left; column <= right; column++) {
        const square = row * this.side + column;
        for (let at = this.starts[square]; at < this.starts[square + 1]; at++) take(this.features[at]);
      }
    }
  }
}

/** How far a place is from a feature, in pixels; 0 within a polygon. */
function distanceTo(shapes, view, feature, left, top) {
  let [nearest, inside] = [Infinity, false];
  for (let part = shapes.featureStart[feature]; part < shapes.featureStart[feature + 1]; part++) {
    const [start, end, kind] = [shapes.partStart[part], shapes.partStart[part + 1], shapes.partKind[part]];
    let [ax, ay] = [view.left(shapes.xs[start]), view.top(shapes.ys[start])];
    if (kind === POINTS) {
      for (let at = start; at < end; at++) {
        nearest = Math.min(nearest, Math.hypot(view.left(shapes.xs[at]) - left, view.top(shapes.ys[at]) - top));
      }
      continue;
    }
    if (kind !== LINE) [ax, ay] = [view.left(shapes.xs[end - 1]), view.top(shapes.ys[end - 1])];
    for (let at = start; at < end; at++) {
      const [bx, by] = [view.left(shapes.xs[at]), view.top(shapes.ys[at])];
      const [dx, dy] = [bx - ax, by - ay];
      const along = dx || dy ? Math.max(0, Math.min(1, ((left - ax) * dx + (top - ay) * dy) / (dx * dx + dy * dy))) : 0;
      nearest = Math.min(nearest, Math.hypot(ax + along * dx - left, ay + along * dy - top));
      if (kind !== LINE && ay > top !== by > top && left < ((bx - ax) * (top - ay)) / (by - ay) + ax) inside = !inside;
      [ax, ay] = [bx, by];
    }
  }
  return inside ? 0 : nearest;
}
