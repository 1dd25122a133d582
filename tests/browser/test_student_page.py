"""The student page in a real Chromium: drawn, live, readable on a phone, usable from the keyboard."""

import re
import time
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from browser.conftest import LiveServer, Open

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PHONE = {"width": 375, "height": 740}


@pytest.fixture(scope="module")
def ada(server: LiveServer, items: list[str]) -> str:
    """A student with 45 answers, some in every skill."""
    server.answer("ada", [items[n % len(items)] for n in range(45)], right="1101")
    return "/students/ada"


def view_of(server: LiveServer, path: str) -> dict[str, Any]:
    return httpx.get(f"{server.url}{path}/view.json").json()["view"]


def percent(share: float) -> str:
    return f"{share * 100:.0f}\N{NO-BREAK SPACE}%"


def is_live(page: Page) -> None:
    expect(page.locator("#live")).to_have_attribute("data-state", "live")


def marks_in(chart: Locator) -> int:
    return chart.locator("svg path").count()


def test_charts_are_drawn(open_page: Open, ada: str) -> None:
    page = open_page(ada)
    is_live(page)
    for name in ("#radar", "#timeline"):
        expect(page.locator(f"{name} svg")).to_be_visible()
        assert marks_in(page.locator(name)) > 10
    assert page.locator("#skills .bar .fill").count() == 5
    text = page.locator("#radar").inner_text()
    assert "100\N{NO-BREAK SPACE}%" in text


def test_bars_are_as_long_as_the_mastery_says(open_page: Open, ada: str, server: LiveServer) -> None:
    page = open_page(ada, reduced_motion="reduce")
    for skill in view_of(server, ada)["skills"]:
        bar = page.locator(f'#skills [data-key="{skill["skill_id"]}"] .bar')
        track = bar.locator(".track").bounding_box()
        fill = bar.locator(".fill").bounding_box()
        assert track and fill
        assert fill["width"] / track["width"] == pytest.approx(skill["mastery"], abs=0.005)


def test_every_chart_has_a_table_with_the_same_numbers(open_page: Open, ada: str, server: LiveServer) -> None:
    page = open_page(ada)
    view = view_of(server, ada)
    skills = {skill["skill_id"]: skill for skill in view["skills"]}

    def rows(table: str) -> list[list[str]]:
        page.locator(f"details:has({table}) summary").click()
        visible = page.locator(f"{table} tr:visible")
        return [visible.nth(at).locator("th, td").all_inner_texts() for at in range(visible.count())]

    def doubt(numbers: dict[str, Any]) -> str:
        return f"{percent(numbers['low'])} \N{EN DASH} {percent(numbers['high'])}"

    assert rows("#radar-table") == [
        [skills[skill_id]["skill_name"], percent(skills[skill_id]["mastery"]), doubt(skills[skill_id])]
        for skill_id in view["radar"]
    ]
    assert [row[:5] for row in rows("#skills-table")] == [
        [s["skill_name"], s["state"], percent(s["mastery"]), doubt(s), str(s["interaction_count"])]
        for s in sorted(view["skills"], key=lambda s: s["mastery"])
    ]
    shown = page.locator("#skill").input_value()
    points = [point for point in view["timeline"] if point["skill_id"] == shown]
    assert [(row[0], row[2], row[3], row[4], row[5]) for row in rows("#timeline-table")] == [
        (str(p["ordinal"]), p["item_id"], p["outcome"], percent(p["mastery"]), doubt(p))
        for p in reversed(points)
    ]
    # The chart has one mark per row of its table, and one for now.
    marks = page.evaluate(
        """() => [...document.querySelectorAll("#timeline svg path")].filter((path) => {
             const box = path.getBBox();
             return box.width > 0 && box.width <= 2.1 && Math.abs(box.width - box.height) < 0.2;
           }).length"""
    )
    assert marks == len(points) + 1


def test_a_posted_answer_moves_the_open_page_and_nothing_else(
    open_page: Open, server: LiveServer, items: list[str]
) -> None:
    server.answer("moving", items[:20], right="01")
    page = open_page("/students/moving")
    is_live(page)
    chosen = page.locator("#skill option").last.get_attribute("value")
    page.locator("#skill").select_option(chosen)
    page.get_by_label("Recent").check(force=True)
    page.locator("details:has(#skills-table) summary").click()
    page.evaluate("window.wasHere = true; window.scrollTo(0, 500)")
    before = page.locator("#skills").inner_text()
    drawn = page.locator("#radar svg").inner_html()

    server.answer("moving", items[20:21], right="1", since=20)
    posted = time.monotonic()
    expect(page.locator(".facts dd").first).to_have_text("21", timeout=2_000)
    assert time.monotonic() - posted < 2

    view = view_of(server, "/students/moving")
    assert page.locator("#skills").inner_text() != before
    shown = dict(
        zip(
            page.locator("#skills .skill-name").all_inner_texts(),
            page.locator("#skills .skill-numbers strong").all_inner_texts(),
            strict=True,
        )
    )
    assert shown == {skill["skill_name"]: percent(skill["mastery"]) for skill in view["skills"]}
    expect(page.locator("#announcement")).to_contain_text(items[20])
    page.wait_for_timeout(700)
    assert page.locator("#radar svg").inner_html() != drawn
    assert page.evaluate("[window.wasHere, window.scrollY]") == [True, 500]
    assert page.locator("#skill").input_value() == chosen
    expect(page.get_by_label("Recent")).to_be_checked()
    expect(page.locator("details:has(#skills-table)")).to_have_attribute("open", "")


def test_the_first_skill_of_a_student_brings_the_charts(
    open_page: Open, server: LiveServer, items: list[str]
) -> None:
    server.answer("beginner", ["an item nobody knows"])
    page = open_page("/students/beginner")
    is_live(page)
    assert page.locator("#timeline").count() == 0
    server.answer("beginner", items[:1], since=1)
    expect(page.locator("#timeline svg")).to_be_visible()
    expect(page.locator("#radar svg")).to_be_visible()


def test_a_page_whose_server_restarts_catches_up_by_itself(
    open_page: Open, server: LiveServer, items: list[str]
) -> None:
    server.answer("patient", items[:3])
    page = open_page("/students/patient", forgives="net::ERR_")
    is_live(page)
    server.stop()
    expect(page.locator("#live")).to_have_attribute("data-state", "waiting")
    server.start()
    server.answer("patient", items[3:5], since=3)
    expect(page.locator(".facts dd").first).to_have_text("5", timeout=15_000)
    is_live(page)


@pytest.mark.parametrize("path", ["/", "/students/ada", "/students/nobody-here"])
def test_a_phone_needs_no_sideways_scrolling(open_page: Open, ada: str, path: str) -> None:
    page = open_page(path, **PHONE, forgives="status of 404")
    for summary in page.locator("summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    too_small = page.evaluate(
        """() => [...document.querySelectorAll("main *")].filter((e) => e.childElementCount === 0
             && e.textContent.trim() && e.checkVisibility() && !e.closest("svg, .unseen")
             && parseFloat(getComputedStyle(e).fontSize) < 12.5).map((e) => e.outerHTML)"""
    )
    assert too_small == []


def test_every_control_is_reached_and_worked_from_the_keyboard(open_page: Open, ada: str) -> None:
    page = open_page(ada)
    is_live(page)
    reached: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        here = page.evaluate(
            "(() => { const e = document.activeElement;"
            " return e === document.body ? '' : e.id || e.name || e.dataset.skill"
            " || e.parentElement.dataset.key || e.className || e.tagName; })()"
        )
        if not here:
            break
        reached.append(here)
    assert reached[0] == "skip"
    assert {"sort", "skill", "radar-table", "skills-table", "timeline-table", "method"} <= set(reached)
    assert sum(name == skill for skill in skill_ids(page) for name in reached) == 5

    page.locator("input[name=sort]").first.focus()
    page.keyboard.press("ArrowRight")
    order = page.locator("#skills li").evaluate_all("all => all.map((li) => Number(li.dataset.evidence))")
    assert order == sorted(order, reverse=True)

    name = page.locator("#skills .skill-name").last
    name.focus()
    page.keyboard.press("Enter")
    assert page.locator("#skill").input_value() == name.get_attribute("data-skill")
    rows = page.locator("#timeline-table tr:not([hidden])")
    assert {row.get_attribute("data-of-skill") for row in rows.all()} == {name.get_attribute("data-skill")}


def skill_ids(page: Page) -> list[str]:
    return page.locator("#skills li").evaluate_all("all => all.map((li) => li.dataset.key)")


CONTRAST = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length < 4 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  const bad = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.textContent.trim());
    if (!own || !e.checkVisibility() || e.closest("script, .chart svg, .skip")) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) bad.push(`${ratio.toFixed(2)} ${e.outerHTML.slice(0, 120)}`);
  }
  return bad;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_in_dark(open_page: Open, ada: str, scheme: str) -> None:
    page = open_page(ada, color_scheme=scheme)
    is_live(page)
    for summary in page.locator("summary").all():
        summary.click()
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    is_dark = sum(int(value) for value in re.findall(r"\d+", ground)) < 200
    assert is_dark == (scheme == "dark")
    assert page.evaluate(CONTRAST) == []


def test_charts_follow_a_change_of_scheme(open_page: Open, ada: str) -> None:
    page = open_page(ada, color_scheme="light")
    is_live(page)
    light = page.locator("#timeline svg").inner_html()
    page.emulate_media(color_scheme="dark")
    expect(page.locator("#timeline svg path[stroke='#9aabff']").first).to_be_attached()
    assert page.locator("#timeline svg").inner_html() != light


def test_nothing_moves_for_those_who_want_no_motion(open_page: Open, ada: str) -> None:
    page = open_page(ada, reduced_motion="reduce")
    durations = page.locator("#skills .bar rect").evaluate_all(
        "all => [...new Set(all.map((e) => getComputedStyle(e).transitionDuration))]"
    )
    assert durations == ["0s"]


def test_page_names_its_language_landmarks_and_headings(open_page: Open, ada: str) -> None:
    page = open_page(ada)
    assert page.locator("html").get_attribute("lang") == "en"
    for landmark in ("banner", "main", "navigation", "contentinfo"):
        assert page.get_by_role(landmark).count() == 1  # type: ignore[arg-type]
    assert page.get_by_role("heading", level=1).all_inner_texts() == ["ada"]
    unnamed = page.locator("button, a, input, select, [role=region], [role=img]").evaluate_all(
        """all => all.filter((e) => !(e.ariaLabel || e.textContent.trim() || e.labels?.length
             || e.getAttribute("aria-labelledby"))).map((e) => e.outerHTML)"""
    )
    assert unnamed == []


@pytest.mark.parametrize(
    "student_id", ['class 7b/Zoë "Z" O\'Neil', "<script>document.title='x'</script>", "100%/.?#"]
)
def test_a_weird_id_is_live_too(
    open_page: Open, server: LiveServer, items: list[str], student_id: str
) -> None:
    server.answer(student_id, items[:4])
    page = open_page(f"/students/{quote(student_id, safe='')}")
    is_live(page)
    assert page.locator("h1").inner_text() == student_id
    server.answer(student_id, items[4:5], since=4)
    expect(page.locator(".facts dd").first).to_have_text("5", timeout=2_000)
    page.goto(f"{server.url}/")
    page.get_by_role("link", name=student_id, exact=True).click()
    assert page.locator("h1").inner_text() == student_id
