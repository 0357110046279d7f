// Draws one chart of a report with uPlot. Lines differ by pattern and marks by shape, so that paper without colour shows them.

import uPlot from "uplot";
import type { ChartData, LineData, MarksData } from "./data";
import { label, time } from "./format";

const COLOURS = { main: "--c1", second: "--c2", third: "--c3", reference: "--c4" };
const PATTERNS = { main: [], second: [7, 4], third: [2, 3], reference: [8, 3, 2, 3] };
const SIZE = 4.5;

/** Draws a chart into its element, and keeps it as wide as the page. */
export function draw(chart: ChartData, box: HTMLElement): void {
  const readout = document.createElement("div");
  readout.className = "readout";
  const columns: uPlot.AlignedData = [chart.x, ...chart.lines.map((line) => line.y)];
  const plot = new uPlot(options(chart, box.clientWidth, readout), columns, box);
  box.append(readout);
  // The width of paper is left to the style: a chart that is drawn during printing comes too late.
  const printing = matchMedia("print");
  new ResizeObserver(() => {
    if (!printing.matches && box.clientWidth > 0 && box.clientWidth !== plot.width) {
      plot.setSize({ width: box.clientWidth, height: chart.height });
    }
  }).observe(box);
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function options(chart: ChartData, width: number, readout: HTMLElement): uPlot.Options {
  const axis: uPlot.Axis = {
    stroke: colour("--dim"),
    grid: { stroke: colour("--grid"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
  };
  const step = (splits: number[]): number => Math.abs((splits[1] ?? 1) - (splits[0] ?? 0)) || 1;
  return {
    width,
    height: chart.height,
    ms: 1,
    legend: { show: false },
    padding: [8, 26, 0, 0],
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    // Without the browser's zone: a report reads the same everywhere.
    tzDate: (ms) => uPlot.tzDate(new Date(ms), "Etc/UTC"),
    scales: {
      x: { time: chart.x_kind === "time", range: (_plot, min, max) => chart.span ?? range(chart, min, max) },
      y: { range: (_plot, min, max) => room(chart, min, max) },
    },
    axes: [
      {
        ...axis,
        space: 80,
        size: 28,
        values: (_plot, splits) => splits.map((it) => xLabel(chart, it, step(splits))),
        ...(chart.x_kind === "step" ? { splits: () => chart.x } : {}),
      },
      { ...axis, size: 72, space: chart.height < 150 ? 16 : 28, values: (_plot, splits) => splits.map((it) => label(chart.unit, it, step(splits))) },
    ],
    series: [{}, ...chart.lines.map((line) => series(chart, line))],
    hooks: {
      drawAxes: [zeroLine],
      draw: [(plot) => chart.marks?.forEach((marks) => drawMarks(plot, marks))],
      setCursor: [(plot) => void (readout.textContent = pointed(chart, plot.cursor.idx))],
    },
  };
}

function series(chart: ChartData, line: LineData): uPlot.Series {
  const stroke = colour(COLOURS[line.style]);
  const stepped = line.stepped ? uPlot.paths.stepped?.({ align: 1 }) : undefined;
  return {
    label: line.label,
    stroke,
    width: line.style === "main" ? 1.6 : 1.3,
    dash: PATTERNS[line.style],
    points: { show: chart.x_kind !== "time" && line.style !== "reference", size: 7, fill: stroke },
    spanGaps: chart.x_kind === "share",
    ...(line.filled ? { fill: `${stroke}22`, fillTo: 0 } : {}),
    ...(stepped === undefined ? {} : { paths: stepped }),
  };
}

function range(chart: ChartData, min: number | null, max: number | null): [number, number] {
  if (chart.x_kind === "share") return [0, 1_000];
  if (chart.x_kind === "step") return [-0.3, (chart.x.at(-1) ?? 0) + 0.3];
  const [low, high] = [min ?? 0, max ?? 1];
  return low < high ? [low, high] : [low - 1_000, high + 1_000];
}

/** Returns a range with room for the marks; money and shares include zero. */
function room(chart: ChartData, min: number | null, max: number | null): [number, number] {
  if (chart.unit === "share") return [0, 1];
  const marks = (chart.marks ?? []).flatMap((marks) => marks.y.filter((it) => it !== null));
  const zero = chart.unit === "price" ? [] : [0];
  const all = [...zero, ...(min === null ? [] : [min]), ...(max === null ? [] : [max])];
  const low = marks.reduce((least, it) => Math.min(least, it), Math.min(...all));
  const high = marks.reduce((most, it) => Math.max(most, it), Math.max(...all));
  if (!Number.isFinite(low) || !Number.isFinite(high)) return [0, 1];
  const margin = Math.max((high - low) * 0.06, chart.unit === "price" ? 0.005 : 0.01);
  const ends: [number, number] = [low < 0 || chart.unit === "price" ? low - margin : low, high + margin];
  return chart.unit === "price" ? [Math.max(0, ends[0]), Math.min(1, ends[1])] : ends;
}

function xLabel(chart: ChartData, x: number, step: number): string {
  if (chart.x_kind === "time") return time(x, step);
  return chart.x_kind === "share" ? (x / 1_000).toFixed(1) : (chart.steps?.[Math.round(x)] ?? "");
}

/** Returns the values under the pointer. */
function pointed(chart: ChartData, index: number | null | undefined): string {
  const x = index === null || index === undefined ? undefined : chart.x[index];
  if (x === undefined || index === null || index === undefined) return "";
  const at = chart.x_kind === "time" ? `${new Date(x).toISOString().slice(0, 19).replace("T", " ")} UTC` : xLabel(chart, x, 1);
  const values = chart.lines.map((line) => {
    const value = line.y[index];
    return value === null || value === undefined ? "" : `${line.label} ${label(chart.unit, value, 0.01)}`;
  });
  return [at, ...values.filter((text) => text !== "")].join("   ");
}

function zeroLine(plot: uPlot): void {
  const { top, left, width, height } = plot.bbox;
  const y = Math.round(plot.valToPos(0, "y", true)) + 0.5;
  if (y < top || y > top + height) return;
  plot.ctx.save();
  plot.ctx.strokeStyle = colour("--dim");
  plot.ctx.lineWidth = 1;
  plot.ctx.beginPath();
  plot.ctx.moveTo(left, y);
  plot.ctx.lineTo(left + width, y);
  plot.ctx.stroke();
  plot.ctx.restore();
}

/** Draws the marks of one shape: filled for the first outcome, hollow for the second. */
function drawMarks(plot: uPlot, marks: MarksData): void {
  const { ctx } = plot;
  const size = SIZE * uPlot.pxRatio;
  const up = marks.shape === "up" || marks.shape === "hollow_up";
  const hollow = marks.shape === "hollow_up" || marks.shape === "hollow_down";
  const bought = marks.shape === "up" || marks.shape === "hollow_down";
  ctx.save();
  ctx.strokeStyle = colour(bought ? "--c1" : "--c2");
  ctx.fillStyle = hollow ? "#ffffff" : ctx.strokeStyle;
  ctx.lineWidth = 1.2 * uPlot.pxRatio;
  const point = up ? -size : size;
  marks.x.forEach((at, index) => {
    const value = marks.y[index];
    if (value === null || value === undefined) return;
    const x = plot.valToPos(at, "x", true);
    const y = plot.valToPos(value, "y", true);
    ctx.beginPath();
    ctx.moveTo(x - size, y - point * 0.8);
    ctx.lineTo(x + size, y - point * 0.8);
    ctx.lineTo(x, y + point);
    ctx.closePath();
    ctx.fill();
    ctx.stroke();
  });
  ctx.restore();
}
