"""The pages as a browser receives them."""

import re
import shlex
from html import unescape
from urllib.parse import quote

import pytest

from dashboard.conftest import Pages
from knowtrace.dashboard.activity import PAGE_SIZE
from knowtrace.domain.mastery import ENOUGH_EVIDENCE, MASTERED_AT, PROFICIENT_AT
from knowtrace.errors import UnavailableError

WEIRD_IDS = [
    "with space",
    "Zoë 学生 🎓",
    "quote\"and'quote",
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "school/class 7b/ada",
    "50%25?#&=+",
    "a" * 200,
]


def test_no_students_yet_shows_a_command_that_sends_the_first_answer(pages: Pages) -> None:
    page = pages.get("/").text
    [shown] = re.findall(r'<code id="command">(.*?)</code>', page, re.S)
    words = shlex.split(unescape(shown).replace("\\\n", ""))
    program, url, _, header, _, body = words
    assert program == "curl"
    name, value = header.split(": ")
    sent = pages.post(url, headers={name: value}, content=body)
    assert sent.json()["status"] == "accepted", sent.text
    assert sent.json()["notes"] == []
    assert 'href="/students/ada"' in pages.get("/").text


def test_list_shows_the_latest_first_and_pages_through_everybody_once(pages: Pages, items: list[str]) -> None:
    ids = [f"s{n:03d}" for n in range(PAGE_SIZE * 2 + 3)]
    for n, student_id in enumerate(ids):
        pages.answer(student_id, items[:1], since=n // 2)  # two at a time share their moment
    seen: list[str] = []
    url: str | None = "/"
    while url:
        page = pages.get(url).text
        seen += re.findall(r'<a href="/students/(s\d+)">', page)
        following = re.search(r'<a class="button" href="([^"]+)">Next page', page)
        url = unescape(following[1]) if following else None
    assert sorted(seen) == ids
    assert seen[:3] == ["s052", "s050", "s051"]


def test_search_finds_ids_by_any_part_and_takes_no_wildcards(pages: Pages, items: list[str]) -> None:
    for student_id in ("Anna", "hannah", "bob", "per%cent"):
        pages.answer(student_id, items[:1])
    found = pages.get("/", params={"search": "aNN"}).text
    assert all(f'href="/students/{name}"' in found for name in ("Anna", "hannah"))
    assert "bob" not in found
    assert re.findall(r'href="/students/([^"]+)"', pages.get("/", params={"search": "%"}).text) == [
        "per%25cent"
    ]
    nobody = pages.get("/", params={"search": "<b>"})
    assert nobody.status_code == 200
    assert "“&lt;b&gt;”" in nobody.text


@pytest.mark.parametrize(
    "query", ["before=yesterday", "before=2026-01-01", "student=%00", "search=%00", "unknown=1"]
)
def test_list_survives_any_query(pages: Pages, items: list[str], query: str) -> None:
    pages.answer("ada", items[:1])
    assert 'href="/students/ada"' in pages.get(f"/?{query}").text


def test_list_counts_the_states_that_the_students_own_page_shows(pages: Pages, items: list[str]) -> None:
    pages.answer("ada", items * 2, right="0")
    view = pages.get("/students/ada/view.json").json()["view"]
    num_learning = sum(skill["state"] == "learning" for skill in view["skills"])
    assert num_learning
    row = re.findall(r'<tr>.*?href="/students/ada".*?</tr>', pages.get("/").text, re.S)[-1]
    assert re.search(rf"#learning\"></use></svg>{num_learning}<", row)


@pytest.mark.parametrize("student_id", WEIRD_IDS)
def test_any_id_is_shown_as_text_and_nothing_else(pages: Pages, items: list[str], student_id: str) -> None:
    pages.answer(student_id, items[:4])
    listed = pages.get("/").text
    [path] = re.findall(r'<th scope="row"><a href="(/students/[^"]+)"', listed)
    assert path == f"/students/{quote(student_id, safe='')}"
    page = pages.get(path)
    assert page.status_code == 200
    [shown] = re.findall(r'<h1 class="id">(.*?)</h1>', page.text, re.S)
    assert unescape(shown) == student_id
    assert "<" not in shown
    assert re.findall(r"<script[^>]*>", page.text) == [
        '<script type="module" src="/static/student.js">',
        '<script type="application/json" id="view">',
    ]
    assert "<img src=x" not in page.text
    view = pages.get(f"{path}/view.json").json()["view"]
    assert view["student_id"] == student_id


@pytest.mark.parametrize("student_id", ["nobody", "<i>nobody</i>", "tab\there", "n" * 300])
def test_unknown_student_gets_a_page_that_says_what_to_do(pages: Pages, student_id: str) -> None:
    page = pages.get(f"/students/{quote(student_id, safe='')}")
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "POST /api/v1/events" in page.text
    assert "<i>nobody" not in page.text


def test_unknown_students_view_is_a_problem_with_a_next_step(pages: Pages) -> None:
    answered = pages.get("/students/nobody/view.json")
    assert answered.status_code == 404
    assert answered.headers["content-type"] == "application/problem+json"
    assert "POST /api/v1/events" in answered.json()["detail"]


@pytest.mark.parametrize("path", ["/", "/students/ada", "/students/nobody"])
def test_pages_are_locked_down_and_hold_no_inline_code(pages: Pages, items: list[str], path: str) -> None:
    pages.answer("ada", items[:6])
    page = pages.get(path)
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'; ")
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", page.text)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page.text)


def test_every_file_a_page_names_is_there(pages: Pages, items: list[str]) -> None:
    pages.answer("ada", items[:6])
    named = {
        path
        for page in ("/", "/students/ada", "/students/nobody")
        for path in re.findall(r'(?:src|href)="(/static/[^"#]+)', pages.get(page).text)
    }
    assert {"/static/style.css", "/static/student.js", "/static/glyphs.svg"} <= named
    for path in named:
        assert pages.get(path).status_code == 200


def test_the_rule_on_the_page_is_the_rule_that_runs(pages: Pages, items: list[str]) -> None:
    pages.answer("ada", items[:6])
    page = pages.get("/students/ada").text.replace("\N{NO-BREAK SPACE}", " ")
    assert f"fewer than {ENOUGH_EVIDENCE} answers" in page
    assert f"mastery of at least {MASTERED_AT * 100:.0f} %" in page
    assert f"at least {PROFICIENT_AT * 100:.0f} %" in page


def test_views_of_a_student_are_counted_by_whether_the_page_was_followed(
    pages: Pages, items: list[str]
) -> None:
    metrics = pages.app.state.classroom.metrics

    def looks(result: str) -> float | None:
        labels = {"cache": "timeline", "operation": "get", "result": result}
        return metrics.registry.get_sample_value("ml_cache_operations_total", labels)

    pages.answer("anna", items)
    pages.get("/students/anna")
    assert (looks("miss"), looks("hit")) == (1, None)
    pages.answer("anna", items, since=2)
    pages.get("/students/anna")
    assert (looks("miss"), looks("hit")) == (1, 1)


def test_an_unreachable_database_gets_a_page_that_can_be_retried(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise UnavailableError("The database cannot answer.")

    monkeypatch.setattr(pages.app.state.classroom.store, "reading", fail)
    page = pages.get("/")
    assert page.status_code == 503
    assert page.headers["retry-after"] == "1"
    assert "content-security-policy" in page.headers
    assert "The database cannot answer." in page.text
    assert 'error_type="UnavailableError"' in pages.app.state.classroom.metrics.text().decode()


def test_pages_stay_out_of_the_api_description(pages: Pages) -> None:
    described = pages.get("/openapi.json").json()["paths"]
    assert "/" not in described
    assert not [path for path in described if path.startswith("/students")]
