// Draws what stands in data-chart. The same figures stand in a table beside it.
(() => {
  "use strict";

  // A colour as the browser resolves it: the style sheet's own are pairs for light
  // and dark.
  function colour(name) {
    const probe = document.createElement("i");
    probe.style.color = `var(--${name})`;
    document.body.append(probe);
    const value = getComputedStyle(probe).color;
    probe.remove();
    return value;
  }

  function draw(box) {
    const data = JSON.parse(box.dataset.chart);
    if (!data.at || data.at.length === 0) return;
    const language = document.documentElement.lang;
    const day = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", timeZone: "UTC" });
    const unit = data.unit || 1;
    const number = new Intl.NumberFormat(language, unit > 1 ? { minimumFractionDigits: 2, maximumFractionDigits: 2 } : {});
    const rough = new Intl.NumberFormat(language, { maximumFractionDigits: 2 });
    const values = data.values.map((all) => all.map((n) => n / unit));
    const font = `12px ${getComputedStyle(document.body).fontFamily}`;
    const axis = { font, stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false } };
    const colours = data.apart ? [colour("muted"), colour("accent")] : [colour("accent"), colour("danger")];
    const bars = window.uPlot.paths.bars({ size: [0.6, 24] });
    // One upon the other: what is drawn is the sum of a series and those before it,
    // the last first, so that each bar shows its own part.
    const below = (s) => (data.apart ? values.slice(s, s + 1) : values.slice(0, s + 1));
    const sums = values.map((_, s) => data.at.map((_, i) => below(s).reduce((n, all) => n + all[i], 0)));
    const stacked = data.names.map((name, s) => ({
      label: name,
      stroke: colours[s],
      ...(data.apart ? { width: 2 } : { fill: colours[s], width: 0, paths: bars }),
      points: { show: false },
      value: (_, __, ___, i) => (i === null ? "" : number.format(values[s][i])),
    }));
    const plot = new window.uPlot(
      {
        width: box.clientWidth,
        height: 192,
        cursor: { drag: { x: false, y: false } },
        legend: { live: true },
        scales: { x: { time: true }, y: { range: (_, low, high) => [Math.min(low, 0), Math.max(high * 1.1, unit > 1 ? 1 : 4)] } },
        axes: [
          { ...axis, grid: { show: false }, values: (_, at) => at.map((t) => day.format(t * 1000)) },
          { ...axis, size: 44, values: (_, all) => all.map((n) => (unit > 1 || Number.isInteger(n) ? rough.format(n) : "")) },
        ],
        series: [{ label: data.when, value: (_, t) => (t === null ? "" : day.format(t * 1000)) }, ...stacked.slice().reverse()],
      },
      [data.at, ...sums.slice().reverse()],
      box,
    );
    new ResizeObserver(() => plot.setSize({ width: box.clientWidth, height: 192 })).observe(box);
  }

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-chart]").forEach(draw));
})();
