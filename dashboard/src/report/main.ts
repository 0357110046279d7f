// The script of a report (host/research): draws the charts from the data block of the page. Built into one file, which the
// program embeds into each report.

import "uplot/dist/uPlot.min.css";
import { draw } from "./chart";
import { type ChartData, decoded } from "./data";

const block = document.getElementById("chart-data")?.textContent ?? '{"charts": []}';
const { charts } = JSON.parse(block) as { charts: ChartData[] };
for (const chart of charts) {
  const box = document.getElementById(chart.id);
  if (box !== null) draw(decoded(chart), box);
}
document.documentElement.dataset["drawn"] = String(charts.length);
