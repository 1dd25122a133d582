import { chartOf, percent, tooltip, wrapped } from "./charts.js";

/** Draw the most practised skills: a radar, or bars when there are too few for a shape. */
export function radarChart(element) {
  return chartOf(element, (view, colours, width) => {
    element.dataset.kind = view.radar_kind;
    const byId = new Map(view.skills.map((skill) => [skill.skill_id, skill]));
    const skills = view.radar.map((skillId) => byId.get(skillId));
    return view.radar_kind === "radar" ? radar(skills, colours, width) : bars(skills, colours);
  });
}

function radar(skills, colours, width) {
  // Names are up to 11 letters wide on either side; what they leave is the radar's.
  const letters = 11;
  const fontSize = width < 380 ? 11 : 12;
  const radius = Math.max(70, Math.min(width / 2 - letters * fontSize * 0.5 - 9, 140));
  return {
    tooltip: tooltip(colours, () => skills.map((s) => `${s.skill_name}  ${percent(s.mastery)}`).join("\n")),
    radar: {
      indicator: skills.map((skill, at) => ({
        name: skill.skill_name,
        min: 0,
        max: 1,
        axisLabel: {
          show: at === 0,
          showMinLabel: false,
          formatter: (share) => (share % 0.5 ? "" : percent(share)),
          color: colours.quiet,
          fontSize: 10,
        },
      })),
      radius,
      splitNumber: 4,
      axisNameGap: 9,
      axisName: {
        color: colours.quiet,
        fontSize,
        lineHeight: 14,
        formatter: (name) => wrapped(name, letters, 3),
      },
      splitLine: { lineStyle: { color: colours.line } },
      axisLine: { lineStyle: { color: colours.line } },
      splitArea: { show: false },
    },
    series: [
      {
        type: "radar",
        symbol: "none",
        silent: true,
        // The band between the ends: the wide shape tinted, the narrow one painted over in the card's colour.
        data: [
          { value: skills.map((s) => s.high), lineStyle: { opacity: 0 }, areaStyle: { color: colours.accent, opacity: 0.2 } },
          { value: skills.map((s) => s.low), lineStyle: { opacity: 0 }, areaStyle: { color: colours.card, opacity: 0.75 } },
        ],
      },
      {
        type: "radar",
        symbol: "circle",
        symbolSize: 7,
        data: [
          {
            value: skills.map((s) => s.mastery),
            lineStyle: { color: colours.accent, width: 2.5 },
            itemStyle: { color: colours.accent },
          },
        ],
      },
    ],
  };
}

function bars(skills, colours) {
  const whisker = (_, api) => {
    const [low, high] = [1, 2].map((at) => api.coord([api.value(at), api.value(0)]));
    const line = (x1, y1, x2, y2) => ({
      type: "line",
      shape: { x1, y1, x2, y2 },
      style: { stroke: colours.whisker, lineWidth: 2 },
    });
    return {
      type: "group",
      children: [
        line(low[0], low[1], high[0], high[1]),
        line(low[0], low[1] - 6, low[0], low[1] + 6),
        line(high[0], high[1] - 6, high[0], high[1] + 6),
      ],
    };
  };
  return {
    tooltip: tooltip(colours, ({ dataIndex: at }) => {
      const skill = skills[at];
      return `${skill.skill_name}\n${percent(skill.mastery)}, ${percent(skill.low)} – ${percent(skill.high)}`;
    }),
    grid: { left: 8, right: 24, top: 8, bottom: 8, containLabel: true },
    xAxis: {
      min: 0,
      max: 1,
      axisLabel: { formatter: percent, color: colours.quiet },
      splitLine: { lineStyle: { color: colours.line } },
    },
    yAxis: {
      type: "category",
      inverse: true,
      data: skills.map((skill) => skill.skill_name),
      axisLabel: { color: colours.quiet, lineHeight: 15, formatter: (name) => wrapped(name, 14, 2) },
      axisLine: { lineStyle: { color: colours.line } },
      axisTick: { show: false },
    },
    series: [
      {
        type: "bar",
        barMaxWidth: 34,
        data: skills.map((skill) => skill.mastery),
        itemStyle: { color: colours.accent, opacity: 0.5, borderRadius: [0, 5, 5, 0] },
      },
      {
        type: "custom",
        renderItem: whisker,
        data: skills.map((skill, at) => [at, skill.low, skill.high]),
        encode: { x: [1, 2], y: 0 },
        silent: true,
      },
    ],
  };
}
