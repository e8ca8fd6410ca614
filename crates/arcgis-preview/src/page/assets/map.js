// The map: features drawn on one canvas, what is chosen on another above it.

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

class FeatureMap {
  constructor(shapes, land, told, choose) {
    Object.assign(this, { shapes, land, choose });
    this.view = new View(told);
    this.index = new Index(shapes, this.view.box);
    [this.box, this.ground, this.marks] = [byId("map"), byId("ground"), byId("marks")];
    this.chosen = this.over = -1;
    this.shown = null;
    this.taken = 0;
    this.fit();
    this.view.show(this.view.box, 1.12);
    this.listen();
  }

  /** Takes the size of the box. */
  fit() {
    const { clientWidth: width, clientHeight: height } = this.box;
    this.sharp = Math.min(window.devicePixelRatio || 1, 2);
    this.view.resize(width, height);
    for (const canvas of [this.ground, this.marks]) {
      canvas.width = Math.max(1, Math.round(width * this.sharp));
      canvas.height = Math.max(1, Math.round(height * this.sharp));
    }
  }

  /** Draws everything. */
  draw() {
    const start = performance.now();
    const { view, ground, sharp } = this;
    const paper = ground.getContext("2d");
    ground.style.transform = "";
    paper.setTransform(sharp, 0, 0, sharp, 0, 0);
    paper.fillStyle = colour(this.land ? "water" : "ground");
    paper.fillRect(0, 0, view.width, view.height);
    if (this.land) {
      paper.beginPath();
      for (let part = 0; part < this.land.partKind.length; part++) this.trace(paper, this.land, part, 1);
      paper.fillStyle = colour("ground");
      paper.fill("evenodd");
      this.stroke(paper, colour("coast"), 1);
    }
    const visible = this.visible();
    this.drawAreas(paper, visible);
    this.drawLines(paper, visible);
    this.drawPoints(paper, visible);
    this.shown = { x: view.x, y: view.y, scale: view.scale };
    this.drawMarks();
    this.drawScale();
    this.taken = performance.now() - start;
  }

  stroke(paper, style, width) {
    [paper.strokeStyle, paper.lineWidth, paper.lineJoin, paper.lineCap] = [style, width, "round", "round"];
    paper.stroke();
  }

  /** Features that touch the screen. */
  visible() {
    const { view, shapes } = this;
    const [west, east] = [view.gridX(-20), view.gridX(view.width + 20)];
    const [south, north] = [view.gridY(view.height + 20), view.gridY(-20)];
    const visible = [];
    for (let feature = 0, at = 0; feature < shapes.count; feature++, at += 4) {
      const box = shapes.boxes;
      if (box[at] <= east && box[at + 2] >= west && box[at + 1] <= north && box[at + 3] >= south) visible.push(feature);
    }
    return visible;
  }

  /** Adds a part to the path; positions nearer than `least` pixels to the last are left out. */
  trace(paper, shapes, part, least) {
    const { view } = this;
    const [across, up] = [view.squeeze * view.scale, view.scale];
    const [dx, dy] = [view.width / 2 - view.x * across, view.height / 2 + view.y * up];
    const [start, end] = [shapes.partStart[part], shapes.partStart[part + 1]];
    let [lastLeft, lastTop] = [0, 0];
    for (let at = start; at < end; at++) {
      const [left, top] = [shapes.xs[at] * across + dx, dy - shapes.ys[at] * up];
      if (at === start) paper.moveTo(left, top);
      else if (Math.abs(left - lastLeft) + Math.abs(top - lastTop) < least && at + 1 < end) continue;
      else paper.lineTo(left, top);
      [lastLeft, lastTop] = [left, top];
    }
    if (shapes.partKind[part] > LINE) paper.closePath();
  }

  drawAreas(paper, visible) {
    const { shapes, view } = this;
    const [area, border] = [colour("area"), colour("border")];
    const areas = visible.filter((feature) => shapes.kinds[feature] & (1 << SHELL));
    if (!areas.length) return;
    // Borders as thin as the polygons are small, or nothing but borders would be seen.
    let around = 0;
    for (const feature of areas) around += shapes.boxes[feature * 4 + 3] - shapes.boxes[feature * 4 + 1];
    const least = Math.max(0.3, Math.min(1.2, 1.8 - Math.log10(areas.length) * 0.35));
    const width = Math.max(least, Math.min(1.2, ((around / areas.length) * view.scale) / 14));
    const finish = () => {
      paper.fillStyle = area;
      paper.fill("nonzero");
      this.stroke(paper, border, width);
    };
    const dust = [];
    let parts = 0;
    paper.beginPath();
    for (const feature of areas) {
      const height = (shapes.boxes[feature * 4 + 3] - shapes.boxes[feature * 4 + 1]) * view.scale;
      const across = (shapes.boxes[feature * 4 + 2] - shapes.boxes[feature * 4]) * view.scale * view.squeeze;
      if (Math.max(height, across) < 1.2) {
        dust.push(feature);
        continue;
      }
      for (let part = shapes.featureStart[feature]; part < shapes.featureStart[feature + 1]; part++) {
        if (shapes.partKind[part] > LINE) this.trace(paper, shapes, part, 0.6);
        parts++;
      }
      if (parts > 2000) {
        finish();
        parts = 0;
        paper.beginPath();
      }
    }
    finish();
    paper.fillStyle = border;
    for (const feature of dust) {
      paper.fillRect(view.left(shapes.boxes[feature * 4]) - 0.5, view.top(shapes.boxes[feature * 4 + 3]) - 0.5, 1.5, 1.5);
    }
  }

  drawLines(paper, visible) {
    const { shapes } = this;
    const lines = visible.filter((feature) => shapes.kinds[feature] & (1 << LINE));
    const width = Math.max(0.7, Math.min(2.2, 2.6 - Math.log10(lines.length + 1) * 0.45));
    let parts = 0;
    paper.beginPath();
    for (const feature of lines) {
      for (let part = shapes.featureStart[feature]; part < shapes.featureStart[feature + 1]; part++) {
        if (shapes.partKind[part] === LINE) this.trace(paper, shapes, part, 0.6);
        parts++;
      }
      if (parts > 2000) {
        this.stroke(paper, colour("line"), width);
        parts = 0;
        paper.beginPath();
      }
    }
    this.stroke(paper, colour("line"), width);
  }

  drawPoints(paper, visible) {
    const { shapes, view } = this;
    const points = visible.filter((feature) => shapes.kinds[feature] & (1 << POINTS));
    if (!points.length) return;
    // Smaller where there are many, and on a small map.
    const room = Math.max(0.5, Math.min(1, Math.sqrt(view.width * view.height) / 700));
    const radius = this.radius = Math.max(1.3, Math.min(6, (7 - Math.log10(points.length) * 1.1) * room));
    // One disc is drawn, and stamped for each point.
    const side = Math.ceil((radius + 1.5) * 2);
    const stamp = document.createElement("canvas");
    stamp.width = stamp.height = Math.ceil(side * this.sharp);
    const pen = stamp.getContext("2d");
    pen.scale(this.sharp, this.sharp);
    pen.beginPath();
    pen.arc(side / 2, side / 2, radius, 0, Math.PI * 2);
    pen.fillStyle = colour("point");
    pen.globalAlpha = points.length > 3000 ? 0.75 : 0.92;
    pen.fill();
    if (radius > 3.4) {
      [pen.strokeStyle, pen.lineWidth, pen.globalAlpha] = [colour("rim"), 1, 0.9];
      pen.stroke();
    }
    for (const feature of points) {
      for (let part = shapes.featureStart[feature]; part < shapes.featureStart[feature + 1]; part++) {
        if (shapes.partKind[part] !== POINTS) continue;
        for (let at = shapes.partStart[part]; at < shapes.partStart[part + 1]; at++) {
          paper.drawImage(stamp, view.left(shapes.xs[at]) - side / 2, view.top(shapes.ys[at]) - side / 2, side, side);
        }
      }
    }
  }

  /** What is chosen and what the pointer is over. */
  drawMarks() {
    const paper = this.marks.getContext("2d");
    paper.setTransform(this.sharp, 0, 0, this.sharp, 0, 0);
    paper.clearRect(0, 0, this.view.width, this.view.height);
    if (this.over >= 0 && this.over !== this.chosen) this.mark(paper, this.over, 0.55);
    if (this.chosen >= 0) this.mark(paper, this.chosen, 1);
  }

  mark(paper, feature, alpha) {
    const { shapes, view } = this;
    const [inner, outer] = [colour("mark"), colour("mark-edge")];
    paper.globalAlpha = alpha;
    paper.beginPath();
    for (let part = shapes.featureStart[feature]; part < shapes.featureStart[feature + 1]; part++) {
      if (shapes.partKind[part] !== POINTS) this.trace(paper, shapes, part, 0.4);
    }
    if (shapes.kinds[feature] & (1 << SHELL)) {
      paper.globalAlpha = alpha * 0.45;
      paper.fillStyle = inner;
      paper.fill("nonzero");
      paper.globalAlpha = alpha;
    }
    this.stroke(paper, outer, 4.5);
    this.stroke(paper, inner, 2.5);
    for (let part = shapes.featureStart[feature]; part < shapes.featureStart[feature + 1]; part++) {
      if (shapes.partKind[part] !== POINTS) continue;
      for (let at = shapes.partStart[part]; at < shapes.partStart[part + 1]; at++) {
        paper.beginPath();
        paper.arc(view.left(shapes.xs[at]), view.top(shapes.ys[at]), (this.radius ?? 4) + 3, 0, Math.PI * 2);
        paper.fillStyle = inner;
        paper.fill();
        this.stroke(paper, outer, 1.5);
      }
    }
    paper.globalAlpha = 1;
  }

  drawScale() {
    const bar = this.view.scaleBar(130);
    byId("scale").hidden = !bar;
    if (!bar) return;
    byId("scale").firstElementChild.textContent = bar.text;
    byId("scale").lastElementChild.style.width = `${bar.pixels}px`;
  }

  /** Shows a change of the view at once by moving what is there, and draws it anew as soon as there is time. */
  change() {
    const { view, shown } = this;
    if (shown) {
      const zoom = view.scale / shown.scale;
      const left = view.left(shown.x) - (view.width / 2) * zoom;
      const top = view.top(shown.y) - (view.height / 2) * zoom;
      this.ground.style.transform = `translate(${left}px, ${top}px) scale(${zoom})`;
    }
    this.drawMarks();
    this.drawScale();
    clearTimeout(this.waiting);
    cancelAnimationFrame(this.frame);
    if (this.taken < 25) this.frame = requestAnimationFrame(() => this.draw());
    else this.waiting = setTimeout(() => this.draw(), 90);
  }

  /** The feature at a place of the screen: points and lines before the polygons below, the smallest of these first. */
  at(left, top) {
    const { view, shapes } = this;
    const near = Math.max(6, (this.radius ?? 0) + 3);
    const box = [view.gridX(left - near), view.gridY(top + near), view.gridX(left + near), view.gridY(top - near)];
    let [best, bestRank] = [-1, Infinity];
    this.index.each(box, (feature) => {
      const own = shapes.boxes.subarray(feature * 4, feature * 4 + 4);
      if (own[0] > box[2] || own[2] < box[0] || own[1] > box[3] || own[3] < box[1]) return;
      const distance = distanceTo(shapes, view, feature, left, top);
      if (distance > near) return;
      const isArea = shapes.kinds[feature] & (1 << SHELL);
      const size = isArea ? 1 + Math.log1p((own[2] - own[0]) * (own[3] - own[1])) / 1e3 : 0;
      const rank = size * 1e6 + distance + (isArea && distance > 0 ? 1e9 : 0);
      if (rank < bestRank) [best, bestRank] = [feature, rank];
    });
    return best;
  }

  /** Marks a feature, and shows it if it is not on the screen or too small to be seen. */
  select(feature, move) {
    this.chosen = feature;
    const { shapes, view } = this;
    const box = feature >= 0 ? shapes.boxes.subarray(feature * 4, feature * 4 + 4) : null;
    if (move && box && box[0] <= box[2]) {
      const [left, right, top, bottom] = [view.left(box[0]), view.left(box[2]), view.top(box[3]), view.top(box[1])];
      const isOut = right < 30 || left > view.width - 30 || bottom < 30 || top > view.height - 30;
      const isLarge = right - left > view.width || bottom - top > view.height;
      if (isLarge) view.show(box, 1.3);
      else if (isOut) [view.x, view.y] = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
      if (isLarge || isOut) return this.change();
    }
    this.drawMarks();
  }

  whole() {
    this.view.show(this.view.box, 1.12);
    this.change();
  }

  listen() {
    const { box, view } = this;
    const pointers = new Map();
    let moved = 0;
    const place = (event) => {
      const { left, top } = box.getBoundingClientRect();
      return [event.clientX - left, event.clientY - top];
    };
    const zoom = (factor, left = view.width / 2, top = view.height / 2) => {
      view.zoom(factor, left, top);
      this.change();
    };
    box.addEventListener("wheel", (event) => {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 33 : 1;
      zoom(2 ** (-Math.max(-240, Math.min(240, event.deltaY * lines)) / 240), ...place(event));
    }, { passive: false });
    box.addEventListener("pointerdown", (event) => {
      if (event.target.closest("button") || event.button > 0) return;
      pointers.set(event.pointerId, place(event));
      box.setPointerCapture(event.pointerId);
      if (pointers.size === 1) moved = 0;
    });
    box.addEventListener("pointermove", (event) => {
      const now = place(event);
      const before = pointers.get(event.pointerId);
      byId("place").textContent = view.placeAt(...now);
      if (!before) {
        this.hover(event.target.closest("button") ? -1 : this.at(...now));
        return;
      }
      const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
      moved += Math.abs(dx) + Math.abs(dy);
      if (moved < 4) return;
      box.classList.add("drag");
      const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
      pointers.set(event.pointerId, now);
      if (other) {
        const apart = (one) => Math.max(10, Math.hypot(one[0] - other[0], one[1] - other[1]));
        zoom(apart(now) / apart(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
      } else {
        view.x -= dx / (view.squeeze * view.scale);
        view.y += dy / view.scale;
        this.change();
      }
    });
    const up = (event) => {
      const before = pointers.get(event.pointerId);
      pointers.delete(event.pointerId);
      box.classList.remove("drag");
      if (before && event.type === "pointerup" && moved < 4) this.choose(this.at(...place(event)));
    };
    box.addEventListener("pointerup", up);
    box.addEventListener("pointercancel", up);
    box.addEventListener("pointerleave", () => {
      byId("place").textContent = "";
      this.hover(-1);
    });
    box.addEventListener("dblclick", (event) => {
      if (!event.target.closest("button")) zoom(2, ...place(event));
    });
    byId("closer").addEventListener("click", () => zoom(1.8));
    byId("farther").addEventListener("click", () => zoom(1 / 1.8));
    byId("whole").addEventListener("click", () => this.whole());
    new ResizeObserver(() => {
      if (box.clientWidth === view.width && box.clientHeight === view.height) return;
      this.fit();
      this.draw();
    }).observe(box);
    this.zoom = zoom;
  }

  hover(feature) {
    if (feature === this.over) return;
    this.over = feature;
    this.box.classList.toggle("over", feature >= 0);
    this.drawMarks();
  }
}
