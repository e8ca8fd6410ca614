// Puts the parts together.

async function open() {
  byId("title").textContent = about.title;
  document.title = about.title;
  const facts = [about.counted];
  if (about.map) facts.push(`CRS ${about.map.crs}`);
  if (about.kinds.none && about.map) facts.push(`${things(about.kinds.none, "row")} without geometry`);
  if (about.source && about.source !== about.title) facts.push(about.source);
  byId("facts").textContent = facts.join("  ·  ");
  byId("facts").title = byId("facts").textContent;
  byId("note").textContent = about.note ?? "";
  byId("note").hidden = !about.note;
  if (about.map?.thinned) byId("note").title = "The shapes are simplified, too";

  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const paint = (theme) => { root.dataset.theme = theme; };
  paint(dark.matches ? "dark" : "light");

  const buffer = await unpack();
  const columns = about.columns.map((told) => new Column(told, buffer));
  const numbers = about.numbers ? arrayOf(buffer, about.numbers) : null;
  let map = null;
  let table = null;
  const part = (name) => {
    byId("main").dataset.part = name;
    for (const tab of byId("tabs").children) tab.classList.toggle("on", tab.dataset.part === name);
    if (name === "table") table?.draw();
  };
  const choose = (row, from) => {
    map?.select(row, from !== "map");
    table.select(row);
    showFeature(columns, row, row < 0 ? 0 : table.number(row), () => choose(-1));
    if (row >= 0 && from === "map") part("feature");
    root.dataset.chosen = row;
  };
  table = new Table(columns, about.shown, numbers, (row) => choose(row, "table"));
  if (about.map) {
    const shapes = new Shapes(about.map, buffer);
    const land = about.map.land ? new Shapes(about.map.land, buffer) : null;
    map = new FeatureMap(shapes, land, about.map, (row) => choose(row, "map"));
    map.draw();
  } else {
    document.body.classList.add("mapless");
  }
  showColumns(columns, about.rows);
  part("table");
  table.draw();

  for (const tab of byId("tabs").children) tab.addEventListener("click", () => part(tab.dataset.part));
  const repaint = (theme) => {
    paint(theme);
    map?.draw();
  };
  byId("theme").addEventListener("click", () => repaint(root.dataset.theme === "dark" ? "light" : "dark"));
  dark.addEventListener("change", () => repaint(dark.matches ? "dark" : "light"));
  let waiting;
  byId("find").addEventListener("input", (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      const found = table.find(event.target.value);
      byId("found").textContent = event.target.value.trim() ? `${things(found, "row")} found` : "";
    }, 150);
  });
  document.addEventListener("keydown", (event) => {
    if (event.target.closest?.("input") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") choose(-1);
    if (!map) return;
    if (event.key === "+" || event.key === "=") map.zoom(1.8);
    if (event.key === "-") map.zoom(1 / 1.8);
    if (event.key === "0") map.whole();
  });
  // For scripts that look at pages: where a feature is on the screen.
  window.whereIs = (row) => {
    const { shapes, view } = map;
    const box = shapes.boxes.subarray(row * 4, row * 4 + 4);
    const { left, top } = byId("map").getBoundingClientRect();
    return [left + view.left((box[0] + box[2]) / 2), top + view.top((box[1] + box[3]) / 2)];
  };
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  root.dataset.ready = Math.round(performance.now());
}

open().catch((error) => {
  document.documentElement.dataset.failed = String(error);
  byId("note").textContent = `This page could not be opened: ${error}`;
  byId("note").hidden = false;
});
