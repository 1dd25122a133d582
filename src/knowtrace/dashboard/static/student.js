// The student page: draws the charts, keeps the reader's choices, and follows the student's answers.

import { percent } from "./charts.js";
import { listen, oneAtATime } from "./live.js";
import { morph } from "./morph.js";
import { radarChart } from "./radar.js";
import { timelineChart } from "./timeline.js";
import { clockTime, localise } from "./times.js";

const FEW_SKILLS = 10; // as many as style.css leaves of a short list
const RETRY_MS = 4000;
const ORDERS = {
  weakest: (a, b) => Number(a.dataset.mastery) - Number(b.dataset.mastery),
  practised: (a, b) => Number(b.dataset.evidence) - Number(a.dataset.evidence),
  recent: (a, b) => b.dataset.last.localeCompare(a.dataset.last),
};
const body = document.getElementById("student");
const by = (id) => document.getElementById(id);

let view = JSON.parse(by("view").textContent);
let chosen = null; // until the reader chooses a skill, the timeline follows the newest answer
let isShort = true;
const charts = new Map(); // by element: a student's first skill brings the charts' elements with it

function draw(id, chart, data) {
  const element = by(id);
  if (!element) return;
  if (!charts.has(element)) charts.set(element, chart(element));
  charts.get(element)(data);
}

function shownSkill() {
  return view.skills.find((skill) => skill.skill_id === chosen) ?? latestSkill() ?? view.skills[0];
}

function latestSkill() {
  return view.skills.find((skill) => skill.skill_id === view.timeline.at(-1)?.skill_id);
}

function show() {
  localise(body);
  if (!view.skills.length) return;
  draw("radar", radarChart, view);
  sortSkills();
  showTimeline();
}

function showTimeline() {
  const skill = shownSkill();
  by("skill").value = skill.skill_id;
  for (const item of by("skills").children) item.toggleAttribute("data-chosen", item.dataset.key === skill.skill_id);
  for (const row of by("timeline-table").rows) row.hidden = row.dataset.ofSkill !== skill.skill_id;
  const points = view.timeline.filter((point) => point.skill_id === skill.skill_id);
  by("timeline").hidden = !points.length;
  by("timeline-none").hidden = points.length > 0;
  document.querySelector(".legend-partly").hidden = !points.some((point) => point.outcome === "partly right");
  if (points.length) draw("timeline", timelineChart, { points, now: skill, rule: view.rule });
}

function sortSkills() {
  const order = ORDERS[by("sort").querySelector(":checked").value];
  for (const list of [by("skills"), by("skills-table")]) {
    const focus = document.activeElement;
    const sorted = [...list.children].sort(order);
    if (sorted.some((child, at) => child !== list.children[at])) list.append(...sorted);
    if (list.contains(focus)) focus.focus({ preventScroll: true });
  }
  by("skills").classList.toggle("short", isShort && view.skills.length > FEW_SKILLS);
  const more = by("more");
  more.hidden = view.skills.length <= FEW_SKILLS;
  more.textContent = isShort ? `Show all ${view.skills.length} skills` : `Show only ${FEW_SKILLS}`;
  more.setAttribute("aria-expanded", String(!isShort));
}

const refresh = oneAtATime(async () => {
  try {
    const response = await fetch(`${location.pathname}/view.json`, { headers: { Accept: "application/json" } });
    if (response.status === 404) location.reload(); // the student is gone: the page that says so takes over
    if (!response.ok) throw new Error(`status ${response.status}`);
    const answer = await response.json();
    view = answer.view;
    const next = body.cloneNode(false);
    next.innerHTML = answer.html;
    morph(body, next);
    show();
    sayLive("live");
  } catch {
    sayLive("waiting");
    setTimeout(refresh, RETRY_MS);
  }
});

function sayLive(state) {
  by("live").dataset.state = state;
  const time = clockTime(new Date(view.computed_at));
  by("live-text").textContent = state === "live" ? `Live · ${time}` : `Reconnecting · as of ${time}`;
}

function announce(answer) {
  const skills = answer.mastery.map((skill) => `${skill.skill_name} now ${percent(skill.mastery)}, ${skill.state}`);
  by("announcement").textContent = `New answer to item ${answer.item_id}. ${skills.join(". ")}`;
}

body.addEventListener("change", ({ target }) => {
  if (target.name === "sort") sortSkills();
  if (target.id === "skill") {
    chosen = target.value;
    showTimeline();
  }
});

body.addEventListener("click", ({ target }) => {
  const name = target.closest("[data-skill]");
  if (name) {
    chosen = name.dataset.skill;
    showTimeline();
  }
  if (target.id === "more") {
    isShort = !isShort;
    sortSkills();
  }
});

show();
listen(`/api/v1/students/${encodeURIComponent(view.student_id)}/stream`, {
  // Also the first time: an answer may have come between the page and its stream.
  onOpen: refresh,
  onLost: () => sayLive("waiting"),
  onAnswer(answer) {
    announce(answer);
    refresh();
  },
  onRevision(revision) {
    by("announcement").textContent = `An earlier answer was ${revision.is_withdrawn ? "withdrawn" : "corrected"}.`;
    refresh();
  },
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") refresh();
});
