import { chartOf, percent, tooltip } from "./charts.js";
import { localTime } from "./times.js";

const CROSS = "path://M2 0L8 6L14 0L16 2L10 8L16 14L14 16L8 10L2 16L0 14L6 8L0 2Z";
const RULES = [
  ["mastered", "mastered_at"],
  ["proficient", "proficient_at"],
];

/** Draw the mastery of one skill after each answer. `draw` takes the points, oldest first, and the skill as it is now. */
export function timelineChart(element) {
  return chartOf(element, ({ points, now, rule }, colours) => {
    const marks = {
      right: { symbol: "circle", symbolSize: 9, itemStyle: { color: colours["mastered-fill"] } },
      wrong: { symbol: CROSS, symbolSize: 10, itemStyle: { color: colours["review-fill"] } },
      "partly right": { symbol: "diamond", symbolSize: 11, itemStyle: { color: colours["learning-fill"] } },
      now: {
        symbol: "circle",
        symbolSize: 11,
        itemStyle: { color: colours.card, borderColor: colours.accent, borderWidth: 2 },
      },
    };
    const all = [...points, { ...now, ordinal: "now", outcome: "now" }];
    const band = (data, areaStyle) => ({
      type: "line", stack: "band", symbol: "none", silent: true, lineStyle: { opacity: 0 }, areaStyle, data,
    });
    return {
      grid: { left: 4, right: 12, top: 14, bottom: 26, containLabel: true },
      tooltip: tooltip(colours, (hits) => describe(all[hits[0].dataIndex]), {
        trigger: "axis",
        axisPointer: { lineStyle: { color: colours.control } },
      }),
      xAxis: {
        type: "category",
        data: all.map((point) => String(point.ordinal)),
        boundaryGap: all.length < 3,
        name: "answers in this skill",
        nameLocation: "middle",
        nameGap: 26,
        nameTextStyle: { color: colours.quiet },
        axisLabel: { color: colours.quiet, hideOverlap: true },
        axisLine: { lineStyle: { color: colours.line } },
        axisTick: { show: false },
      },
      yAxis: {
        min: 0,
        max: 1,
        axisLabel: { color: colours.quiet, formatter: percent },
        splitLine: { lineStyle: { color: colours.line } },
      },
      series: [
        band(all.map((point) => point.low), { opacity: 0 }),
        band(all.map((point) => point.high - point.low), { color: colours.accent, opacity: 0.14 }),
        {
          type: "line",
          data: all.map((point) => ({ value: point.mastery, ...marks[point.outcome] })),
          lineStyle: { color: colours.accent, width: 2 },
          showAllSymbol: all.length <= 80 ? true : "auto",
          markLine: {
            silent: true,
            symbol: "none",
            animation: false,
            lineStyle: { color: colours.control, type: "dashed", width: 1 },
            label: { position: "insideStartTop", color: colours.quiet, fontSize: 11, formatter: "{b}" },
            data: RULES.map(([name, key]) => ({ name, yAxis: rule[key] })),
          },
        },
      ],
    };
  });
}

function describe(point) {
  const doubt = `mastery ${percent(point.mastery)}, ${percent(point.low)} – ${percent(point.high)}`;
  if (point.outcome === "now") return `now\n${doubt}`;
  return `answer ${point.ordinal}, ${point.outcome}: ${point.item_id}\n${doubt}\n${localTime(point.answered_at)}`;
}
