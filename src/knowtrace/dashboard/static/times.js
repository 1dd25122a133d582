// Times in the reader's own zone and words; the server writes UTC.

const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const fullDay = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const seconds = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
const UNITS = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

export function clockTime(date) {
  return seconds.format(date);
}

export function localTime(iso) {
  const at = new Date(iso);
  const now = new Date();
  if (at.toDateString() === now.toDateString()) return `today, ${clock.format(at)}`;
  return at.getFullYear() === now.getFullYear() ? `${day.format(at)}, ${clock.format(at)}` : fullDay.format(at);
}

/** Say how long ago something was, in the largest unit that fits. */
export function ago(iso) {
  const seconds = (new Date(iso) - Date.now()) / 1000;
  const [unit, length] = UNITS.find(([, length]) => -seconds >= length) ?? UNITS.at(-1);
  return relative.format(Math.round(seconds / length), unit);
}

export function localise(root) {
  for (const element of root.querySelectorAll("time[datetime]")) element.textContent = localTime(element.dateTime);
}
