// Beside the map: what the columns hold, and the feature that is chosen.

function columnCard(column, rows) {
  const card = element("div", "column");
  const head = element("h3");
  const name = element("b", "", column.name);
  name.dir = "auto";
  head.append(name, element("small", "", column.type));
  card.append(head);
  const sum = column.summary;
  if (!sum) return card;
  const distinct = `${sum.exact ? "" : "about "}${count(sum.distinct)} distinct`;
  const share = rows ? (100 * sum.nulls) / rows : 0;
  const percent = share > 0 && share < 1 ? "<1" : share > 99 && share < 100 ? ">99" : Math.round(share);
  card.append(element("p", "", sum.nulls ? `${distinct}  ·  ${things(sum.nulls, "null")} (${percent} %)` : `${distinct}  ·  no nulls`));
  if (sum.nulls) {
    const filled = element("div", "filled");
    const part = element("i");
    part.style.width = `${100 - share}%`;
    filled.append(part);
    card.append(filled);
  }
  const told = (value) => {
    if (typeof value === "string") return value;
    if (column.kind === "date" || column.kind === "moment") return moment(value, column.kind === "date");
    if (column.kind === "boolean") return value ? "true" : "false";
    return String(Number(value.toPrecision(12)));
  };
  if (sum.bars && sum.bars.counts.length > 1) {
    const bars = element("div", "bars");
    const most = Math.max(...sum.bars.counts);
    sum.bars.counts.forEach((number, at) => {
      const bar = element("i");
      // Few are still seen.
      bar.style.height = `${number ? Math.max(4, (100 * number) / most) : 0}%`;
      const from = sum.bars.start + at * sum.bars.width;
      bar.title = column.kind === "boolean" ? things(number, "row") : `from ${told(from)}: ${things(number, "row")}`;
      bars.append(bar);
    });
    card.append(bars);
  }
  if (sum.limits) {
    const ends = element("div", "ends");
    const [least, greatest] = sum.limits.map(told);
    ends.append(element("span", "", least));
    if (least !== greatest) ends.append(element("span", "", greatest));
    card.append(ends);
  }
  // Where hardly any text comes twice, the most frequent say nothing.
  if (sum.frequent.length && (sum.frequent[0][1] * 50 > rows - sum.nulls || sum.distinct <= 8)) {
    const list = element("ol");
    const most = sum.frequent[0][1];
    for (const [text, number] of sum.frequent) {
      const item = element("li");
      const bar = `${(100 * number) / most}%`;
      item.style.background = `linear-gradient(to right, color-mix(in srgb, var(--bar) 38%, transparent) ${bar}, transparent ${bar})`;
      const label = element("span", "", text === "" ? "(empty)" : text);
      label.title = text;
      label.dir = "auto";
      item.append(label, element("em", "", count(number)));
      list.append(item);
    }
    card.append(list);
  }
  return card;
}

function showColumns(columns, rows) {
  const box = byId("columns");
  const head = element("h2", "", things(columns.length, "column"));
  box.append(head, ...columns.map((column) => columnCard(column, rows)));
}

function showFeature(columns, row, number, close) {
  const box = byId("feature");
  box.replaceChildren();
  if (row < 0) return;
  const head = element("div", "head");
  const button = element("button", "", "Close");
  button.type = "button";
  button.addEventListener("click", close);
  head.append(element("h2", "", `Row ${count(number)}`), button);
  const list = element("dl");
  for (const column of columns) {
    const text = column.text(row);
    const value = element("dd", text === null ? "null" : "", text === null ? "null" : text);
    value.dir = "auto";
    list.append(element("dt", "", column.name), value);
  }
  box.append(head, list);
  byId("side").scrollTop = 0;
}
