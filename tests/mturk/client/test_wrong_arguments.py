"""What the commands that talk to an endpoint say of wrong arguments."""

import pytest


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ["publish", "nowhere"],
            1,
            "Error: nowhere holds no study (no study.json). Run build-hits first, or name the folder.",
        ),
        (
            ["publish", "--to", "moon"],
            2,
            ("Error: Invalid value for '--to': 'moon' is not one of "
             "'local', 'prolific', 'sandbox', 'production'."),
        ),
        (["publish", "--expires", "0"], 1, "Error: --expires 0: allowed are 0.05 to 365 days"),
        (["publish", "--auto-approve", "31"], 1, "Error: --auto-approve 31: allowed are 0 to 30 days"),
        (
            ["publish", "--qualification", "rate 95"],
            1,
            ("Error: --qualification 'rate 95': expected a name, a comparison and a value, for example "
            "approval-rate>=95, approved>=500, locale=US,CA or adult=1"),
        ),
        (
            ["publish", "--qualification", "rate>=95"],
            1,
            ("Error: --qualification 'rate>=95': no qualification 'rate'; known are approval-rate, approved, "
            "locale, adult, and the ids of your own types (capitals and digits)"),
        ),
        (
            ["publish", "--qualification", "locale=usa"],
            1,
            "Error: --qualification 'locale=usa': a locale is = or != countries such as US or US-CA",
        ),
        (
            ["publish", "--qualification", "approved>=many"],
            1,
            "Error: --qualification 'approved>=many': 'many' is no whole number",
        ),
        (
            ["publish", "--qualification", "approved>1,2"],
            1,
            "Error: --qualification 'approved>1,2': several values go with = or != only, at most 15",
        ),
        (
            ["publish", "--s3-bucket", "b", "--image-url-prefix", "https://x/"],
            2,
            "Error: --s3-bucket and --image-url-prefix: give one of them.",
        ),
        (["publish", "--s3-endpoint", "http://x"], 2, "Error: --s3-endpoint goes with --s3-bucket NAME."),
        (
            ["publish"],
            1,
            ("Error: server/credentials does not exist: the local server writes it on its first start. "
            "Start it in another terminal: python cli.py serve"),
        ),
        (["collect"], 1, "Error: study is not published yet. Publish it: python cli.py publish study"),
        (["status"], 1, "Error: study is not published yet. Publish it: python cli.py publish study"),
        (["review"], 1, "Error: study is not published yet. Publish it: python cli.py publish study"),
        (
            ["review", "--bonus", "lots"],
            2,
            "Error: Invalid value for --bonus: 'lots' is no amount; expected dollars such as 0.50",
        ),
        (
            ["review", "--reject", "A"],
            1,
            "Error: --reject needs --reason TEXT: whoever is refused payment is told why",
        ),
        (
            ["collect", "--interval", "0"],
            2,
            "Error: Invalid value for '--interval': 0.0 is not in the range x>=1.",
        ),
        (["import-results"], 2, "Error: Missing argument 'FILE.csv...'."),
        (
            ["import-results", "no.csv"],
            2,
            "Error: Invalid value for 'FILE.csv...': File 'no.csv' does not exist.",
        ),
    ],
)  # fmt: skip
def test_wrong_arguments_are_answered_in_words(study, glimpse, words, code, message):
    found, out, errors = glimpse(*words)
    assert (found, out, " ".join(errors[-1:])) == (code, [], message)
