"""The server's pages in other languages, in Chromium: they begin where reading does, and stay in windows."""

import pytest

from glimpse.language import language
from tests.browser.page_runs import IN_CHROMIUM
from tests.browser.sites import Site

pytestmark = [*IN_CHROMIUM, pytest.mark.slow]

# What is cut off or leaves the window; a table scrolls inside its card.
OUTSIDE = """() => [...document.querySelectorAll('body *')].filter(one => {
  const box = one.getBoundingClientRect();
  return one.offsetParent && !one.closest('table') && (box.right > innerWidth + 1 || box.left < -1);
}).map(one => one.outerHTML.slice(0, 100))"""
# Where the page's first heading begins, in pixels from the side where reading begins.
BEGINS = """() => {
  const range = document.createRange();
  range.selectNodeContents(document.querySelector('main h1'));
  const box = range.getBoundingClientRect(), card = document.querySelector('main').getBoundingClientRect();
  return document.documentElement.dir === 'rtl' ? card.right - box.right : box.left - card.left;
}"""


@pytest.fixture(scope="module", params=["ar", "de", "ru"])
def study(request, tmp_path_factory):
    build = ("--hits-per-batch", 2, "--workers-per-hit", 3, "--language", request.param)
    running = Site(tmp_path_factory.mktemp("study"), build=build)
    yield running, language(request.param)
    running.close()


@pytest.mark.parametrize("width", [1366, 390])
def test_pages_stay_in_the_window_and_begin_where_their_language_does(chrome, study, width):
    site, words = study
    context = chrome.new_context(viewport={"width": 1366, "height": 768}, locale=words.code)
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())

    def look(title):
        page.set_viewport_size({"width": width, "height": 768})
        assert page.locator("h1, h2").first.inner_text() == words.say(title)
        assert page.evaluate("document.documentElement.lang") == words.code
        assert page.evaluate(OUTSIDE) == []
        page.set_viewport_size({"width": 1366, "height": 768})

    join = f"{site.url}/join/{site.name}"
    page.goto(join)
    look("questions.realism")
    assert 0 < page.evaluate(BEGINS) < 100
    page.click("#decline")
    look("leave.declined_title")
    page.goto(join)
    page.click("#begin")
    page.wait_for_url("**/worker/assignments/*")
    look("work.time_up")  # hidden until then
    page.goto(f"{site.url}/worker/")
    look("tasks.unfinished")
    page.goto(f"{site.url}/worker/history")
    look("history.title")
    page.goto(f"{site.url}/nowhere")
    look("errors.not_found")
    context.close()
