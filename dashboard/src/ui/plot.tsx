// Plot of the profit over time. The values stay whole micro-dollars up to the axis labels.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { PnlPoint } from "../generated/PnlPoint";
import { signedUsd } from "../money";
import { clock } from "../time";

interface ProfitPlotProps {
  points: PnlPoint[];
  /** The point under the pointer, or null. */
  onPoint: (point: PnlPoint | null) => void;
}

export function ProfitPlot({ points, onPoint }: ProfitPlotProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef({ points, onPoint });
  latest.current = { points, onPoint };

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const drawn = new uPlot(options(() => latest.current), columns(latest.current.points), element);
    plot.current = drawn;
    const fit = (): void => {
      const width = element.clientWidth;
      const height = element.clientHeight;
      if (width > 0 && height > 0) drawn.setSize({ width, height });
    };
    fit();
    const sizes = new ResizeObserver(fit);
    sizes.observe(element);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const repaint = (): void => drawn.redraw(false, true);
    scheme.addEventListener("change", repaint);
    return () => {
      scheme.removeEventListener("change", repaint);
      sizes.disconnect();
      drawn.destroy();
      plot.current = null;
    };
  }, []);

  useEffect(() => plot.current?.setData(columns(points)), [points]);
  return <div ref={box} class="plot" role="img" aria-label={summary(points)} />;
}

function summary(points: PnlPoint[]): string {
  const last = points.at(-1);
  return last === undefined ? "Profit over time: no points yet" : `Profit over time: now ${signedUsd(last.profit_micro_usd)}`;
}

function columns(points: PnlPoint[]): uPlot.AlignedData {
  return [points.map((it) => it.at_ms), points.map((it) => it.profit_micro_usd)];
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function options(latest: () => ProfitPlotProps): uPlot.Options {
  const axis: uPlot.Axis = {
    stroke: () => colour("--dim"),
    grid: { stroke: () => colour("--grid"), width: 1 },
    ticks: { show: false },
    font: "11px system-ui, sans-serif",
  };
  return {
    width: 400,
    height: 200,
    ms: 1,
    legend: { show: false },
    padding: [10, 12, 0, 0],
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
    scales: { x: { time: true }, y: { range: (_plot, min, max) => room(min, max) } },
    axes: [
      { ...axis, space: 90, size: 30, values: (_plot, splits) => splits.map(clock) },
      { ...axis, size: 74, values: (_plot, splits) => labels(splits) },
    ],
    series: [
      {},
      {
        width: 1.75,
        stroke: (plot) => bySign(plot, "--up", "--down"),
        fill: (plot) => bySign(plot, "--up-fill", "--down-fill"),
        // The area is drawn from zero, so that its height is the profit.
        fillTo: 0,
        points: { show: false },
      },
    ],
    hooks: { drawAxes: [zeroLine], setCursor: [(plot) => latest().onPoint(latest().points[plot.cursor.idx ?? -1] ?? null)] },
  };
}

/** Returns a range that includes zero and is at least one cent high. */
function room(min: number | null, max: number | null): [number, number] {
  const low = Math.min(min ?? 0, 0);
  const high = Math.max(max ?? 0, 0);
  const margin = Math.max((high - low) * 0.08, 5_000);
  return [low < 0 ? low - margin : low, high > 0 || low === 0 ? high + margin : high];
}

function labels(splits: number[]): string[] {
  const step = Math.abs((splits[1] ?? 0) - (splits[0] ?? 0));
  const whole = splits.map((it) => Math.round(it));
  return whole.map((it) => signedUsd(it, step >= 1_000_000 ? 0 : step >= 10_000 ? 2 : 3));
}

/** Returns a vertical gradient that changes colour exactly at zero. */
function bySign(plot: uPlot, above: string, below: string): CanvasGradient | string {
  const { top, height } = plot.bbox;
  const zero = plot.valToPos(0, "y", true);
  if (!Number.isFinite(zero) || height <= 0) return colour(above);
  const at = Math.min(1, Math.max(0, (zero - top) / height));
  const gradient = plot.ctx.createLinearGradient(0, top, 0, top + height);
  gradient.addColorStop(0, colour(above));
  gradient.addColorStop(at, colour(above));
  gradient.addColorStop(at, colour(below));
  gradient.addColorStop(1, colour(below));
  return gradient;
}

function zeroLine(plot: uPlot): void {
  const y = Math.round(plot.valToPos(0, "y", true)) + 0.5;
  const { left, width } = plot.bbox;
  plot.ctx.save();
  plot.ctx.strokeStyle = colour("--dim");
  plot.ctx.globalAlpha = 0.6;
  plot.ctx.setLineDash([4, 4]);
  plot.ctx.beginPath();
  plot.ctx.moveTo(left, y);
  plot.ctx.lineTo(left + width, y);
  plot.ctx.stroke();
  plot.ctx.restore();
}
