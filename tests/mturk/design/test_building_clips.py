"""Folders of clips -> a study: encoded alike, cut alike, resumed; and what cannot be shown is named."""

from __future__ import annotations

import re
import shutil
from fractions import Fraction

import pytest
from click.testing import CliRunner
from PIL import Image

from glimpse.errors import GlimpseError
from glimpse.main import main
from glimpse.mturk.design.clip_encoding import Encode, encode_clip
from glimpse.mturk.design.clip_sources import inspect_clip
from glimpse.mturk.design.cuts import CutSettings, common_rate, cut_alike
from glimpse.study import read_study
from tests.glimpse.footage import animate, record, run

SMALL = (
    *("--trials-per-cell", "1", "--hits-per-batch", "1", "--exposure-ms", "250", "--sentinels-per-hit", "2"),
    *("--max-wrong-sentinels", "0"),
)
CONDITIONS = ("real", "ours", "image-space")


@pytest.fixture(scope="session")
def filmed(tmp_path_factory):
    """Folders of clips: three conditions of two scenes."""
    folder = tmp_path_factory.mktemp("filmed")
    for condition, source in zip(CONDITIONS, ("testsrc2", "testsrc", "smptebars"), strict=True):
        for scene in "ab":
            record(folder / "clips" / condition / f"{scene}.mp4", source=source)
    return folder / "clips"


@pytest.fixture
def here(filmed, tmp_path, monkeypatch):
    shutil.copytree(filmed, tmp_path / "clips")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def build(*words):
    return CliRunner().invoke(
        main, ["build-hits", "--images", "clips", *SMALL, *words], catch_exceptions=False
    )


def test_a_study_of_clips_is_built(here):
    done = build("--contact", "a@b.org")
    assert done.exit_code == 0, done.output
    study = read_study("study")
    assert study.moving
    assert {(one.frames, one.frame_rate, one.duration_ms) for one in study.stimuli.values()} == {
        (8, 25.0, 320.0)
    }
    assert "ffmpeg" in study.versions
    study.check_images()
    assert len({path.stat().st_size for path in (here / "study" / "images").iterdir()}) == 1
    assert not list(here.glob(".study*"))
    assert "under opaque names (mp4, " in done.output
    page = (here / "study" / "design.html").read_text(encoding="utf-8")
    assert "<h2>Clips</h2>" in page
    assert "Clips are stored as" in page
    assert not re.search(r"\bimages? (are|of|come|stand)", page + done.output)
    assert "0.32 s at 25 frames a second" in done.output
    page = (here / "study" / "design.html").read_text()
    assert page.count('alt="Frames of ') == 2 * page.count('<div class="strips">') > 0
    again = build("--out", "again", "--contact", "a@b.org")
    assert again.exit_code == 0
    assert (here / "again" / "study.json").read_bytes() == (here / "study" / "study.json").read_bytes()


def test_what_was_changed_is_said(here):
    odd = {"size": "65x65", "options": ["-pix_fmt", "yuv444p"]}
    record(here / "clips" / "real" / "a.mp4", sound=True, source="testsrc", **odd)
    for condition in ("ours", "image-space"):
        record(here / "clips" / condition / "a.mp4", frames=12, source="testsrc", **odd)
    done = build("--trim", "--contact", "a@b.org", "--encode", "webm", "--pairing", "same-item")
    assert done.exit_code == 0, done.output
    assert "1 had sound, which is removed" in done.output
    assert "cropped to even sizes, from 65x65 to 64x64 pixels" in done.output
    assert "cut short, of up to 0.48 s" in done.output
    assert {one.frames for one in read_study("study").stimuli.values()} == {8}
    assert {path.suffix for path in (here / "study" / "images").iterdir()} == {".webm"}


def test_a_build_that_was_stopped_goes_on(here, monkeypatch):
    """Neither is a clip encoded again, nor taken where it is half written."""
    from glimpse.mturk.building import developing

    encode, made = developing.encode_clip, []

    def stopped(source, cut, how, path):
        if len(made) == 1:
            path.write_bytes(b"half")
            raise KeyboardInterrupt
        made.append(source.path)
        encode(source, cut, how, path)

    monkeypatch.setattr(developing, "encode_clip", stopped)
    monkeypatch.setattr(developing, "cores", lambda: 1)
    assert build().exit_code != 0
    assert not (here / "study").exists()
    aside = list((here / ".study.clips").iterdir())
    assert len(aside) == 1
    before = {path.name: path.stat().st_mtime_ns for path in aside}
    monkeypatch.setattr(
        developing, "encode_clip", lambda *all_of: (made.append(all_of[0].path), encode(*all_of))
    )
    assert build().exit_code == 0
    assert len(made) == len(set(made))
    assert len(before) == 1
    read_study("study").check_images()


def test_pairs_of_different_lengths_are_refused(here):
    record(here / "clips" / "ours" / "a.mp4", frames=12)
    done = build()
    assert done.exit_code == 1
    assert "ours/a.mp4 is 0.48 s long (12 frames) and clips/real/" in done.output
    assert "0.32 s (8 frames); clips shown side by side must be equally long" in done.output
    assert build("--clip-seconds", "0.2").exit_code == 0
    assert {one.frames for one in read_study("study").stimuli.values()} == {5}


def stills(path):
    """Put images in the place of a folder's clips."""
    shutil.rmtree(path.parent)
    path.parent.mkdir()
    for scene in "ab":
        Image.new("RGB", (64, 64)).save(path.parent / f"{scene}.png")


HDR = ["-pix_fmt", "yuv420p10le", "-x264-params", "transfer=smpte2084:colorprim=bt2020:colormatrix=bt2020nc"]
GLASS = ["-c:v", "qtrle", "-pix_fmt", "argb"]
FIELDS = ["-pix_fmt", "yuv420p", "-flags", "+ildct+ilme", "-x264-params", "interlaced=1"]
# What spoils the clip ours/a, and the words that must be said.
SPOILT = {
    "index": (lambda path: path.write_bytes(path.read_bytes()[:-2000]), "a.mp4 cannot be read as a video"),
    "hdr": (lambda path: record(path, options=HDR), "a.mp4 is HDR (PQ), which most screens do not show"),
    "interlaced": (lambda path: record(path, options=FIELDS), "a.mp4 is interlaced"),
    "transparent": (
        lambda path: (path.unlink(), record(path.with_suffix(".mov"), options=GLASS)),
        "a.mov has an alpha channel (argb); a stimulus must be opaque",
    ),
    "sound": (lambda path: run("-f", "lavfi", "-i", "sine", "-t", "0.3", path), "a.mp4 has no video, only"),
    "no frames": (
        lambda path: (
            record(path, sound=True),
            run("-i", path, "-vf", "select=0", path.with_suffix(".mkv")),
            path.unlink(),
        ),
        "a.mkv has no frames; a clip has two frames or more",
    ),
    "one frame": (lambda path: record(path, frames=1), "a.mp4 has one frame: it is a still image"),
    "size": (lambda path: record(path, size="80x64"), "clips shown side by side must have the same size"),
    "still": (
        lambda path: Image.new("RGB", (64, 64)).save(path.with_name("b.jpg")),
        "b.jpg is a still image among clips",
    ),
    "twice": (lambda path: animate(path.with_name("a.gif")), "two clips of item a. Keep one"),
    "avi": (lambda path: path.rename(path.with_suffix(".avi")), "a.avi cannot be used; clips are MP4, WebM"),
    "stills": (stills, "holds still images, and"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_what_cannot_be_shown_is_named(here, kind):
    spoil, said = SPOILT[kind]
    spoil(here / "clips" / "ours" / "a.mp4")
    done = build()
    assert done.exit_code == 1
    assert said in " ".join(done.output.split())
    assert not (here / "study").exists()


def test_prompts_and_reference_images_stand_with_clips(here):
    """References are still images, and lie in a folder among those of the clips."""
    (here / "clips" / "layout").mkdir()
    for scene in "ab":
        Image.new("RGB", (64, 48), (0, 0, ord(scene))).save(here / "clips" / "layout" / f"{scene}.png")
    (here / "prompts.csv").write_text("item,text\na,A red fox\nb,A blue cat\n")
    words = ["--context-text", "prompts.csv", "--context-image", "clips/layout", "--contact", "a@b.org"]
    done = build(*words)
    assert done.exit_code == 0, done.output
    study = read_study("study")
    study.check_images()
    assert {path.suffix for path in (here / "study" / "images").iterdir()} == {".mp4", ".png"}
    references = {context.image for context in study.contexts.values()}
    assert all(study.stimuli[name].frames is None for name in references)
    assert study.moving
    for ending in (".mp4", ".png"):
        assert len({path.stat().st_size for path in (here / "study" / "images").glob(f"*{ending}")}) == 1


def test_a_missing_ffmpeg_is_said_once(here, monkeypatch):
    monkeypatch.setattr("imageio_ffmpeg.get_ffmpeg_exe", lambda: (_ for _ in ()).throw(RuntimeError("none")))
    done = build()
    assert done.exit_code == 1
    assert done.output.count("No ffmpeg was found, which clips need") == 1


def test_an_ffmpeg_that_does_not_work_blames_no_clip(here, monkeypatch):
    silent = here / "ffmpeg"
    silent.write_text("#!/bin/sh\nexit 1\n")
    silent.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(silent))
    done = build()
    assert done.exit_code == 1
    said = " ".join(done.output.split())
    assert said.count("does not work") == 1
    assert "named by IMAGEIO_FFMPEG_EXE" in said
    assert ".mp4" not in said


def test_an_ffmpeg_without_an_encoder_blames_no_clip(here, monkeypatch):
    from glimpse.mturk.design import clip_encoding

    monkeypatch.setitem(clip_encoding._ENCODERS, "mp4", ("-c:v", "libnothing"))
    done = build()
    assert done.exit_code == 1
    said = " ".join(done.output.split())
    assert said.count("cannot encode as Glimpse needs it (Unknown encoder 'libnothing'") == 1
    assert "real/a.mp4" not in said


def test_a_refused_build_leaves_what_the_next_one_takes_up_and_says_where(here, monkeypatch):
    """Encoded clips are kept where others turn out to be damaged; where there are none, nothing is left."""
    from glimpse.mturk.building import developing

    encode = developing.encode_clip

    def damaged(source, cut, how, path):
        if source.path.name == "b.mp4" or every:
            raise developing.UnreadableClipError(f"{source.path} is damaged.")
        encode(source, cut, how, path)

    monkeypatch.setattr(developing, "encode_clip", damaged)
    every = False
    done = build()
    assert done.exit_code == 1
    kept = list((here / ".study.clips").iterdir())
    said = " ".join(done.output.split())
    assert f"The clips that were encoded ({len(kept)}) stay in .study.clips: the next build takes" in said
    shutil.rmtree(here / ".study.clips")
    every = True
    assert build().exit_code == 1
    assert not (here / ".study.clips").exists()
    assert not (here / "study").exists()


def test_a_held_last_frame_is_held_in_the_study(here):
    for condition in CONDITIONS:
        for scene in "ab":
            (here / "clips" / condition / f"{scene}.mp4").unlink()
            animate(here / "clips" / condition / f"{scene}.gif", ms=[*[40] * 7, 720])
    done = build("--contact", "a@b.org")
    assert done.exit_code == 0, done.output
    assert {one.duration_ms for one in read_study("study").stimuli.values()} == {1000.0}


def test_options_of_clips_are_refused_for_images(here):
    shutil.rmtree("clips")
    for condition in CONDITIONS:
        (here / "clips" / condition).mkdir(parents=True)
        for scene in "ab":
            Image.new("RGB", (64, 64)).save(here / "clips" / condition / f"{scene}.png")
    for words in (["--trim"], ["--encode", "mp4"], ["--frame-rate", "25"]):
        done = build(*words)
        assert done.exit_code == 1
        assert "are for clips. Leave them out" in " ".join(done.output.split())


def test_animated_images_are_clips(here):
    for condition, ending in zip(CONDITIONS, ("gif", "webp", "png"), strict=True):
        for scene in "ab":
            (here / "clips" / condition / f"{scene}.mp4").unlink()
            animate(here / "clips" / condition / f"{scene}.{ending}")
    done = build("--contact", "a@b.org")
    assert done.exit_code == 0, done.output
    assert "were GIF" in done.output
    assert read_study("study").moving


def test_the_common_rate():
    assert common_rate([Fraction(24), Fraction(30)], CutSettings(frame_rate=25)) == 25
    assert common_rate([Fraction(24), Fraction(60)], CutSettings()) == 60
    assert common_rate([Fraction(30), Fraction(30000, 1001), Fraction(30000, 1001)], CutSettings()) < 30
    assert common_rate([], CutSettings()) is None


def test_a_rate_that_leaves_one_frame_names_the_clip(here):
    done = build("--frame-rate", "1")
    assert done.exit_code == 1
    assert re.search(
        r"Error: clips/\S+\.mp4 is 0.32 s long, and would have one frame at 1 frames", done.output
    )


def test_a_folder_that_goes_while_clips_are_encoded_is_no_fault_of_theirs(here):
    source = inspect_clip(here / "clips" / "real" / "a.mp4")
    (cut,) = cut_alike({("real", "a"): source}, [], CutSettings(), None).values()
    with pytest.raises(GlimpseError, match="gone was removed while clips were encoded"):
        encode_clip(source, cut, Encode("mp4"), here / "gone" / "a.mp4")


def test_uneven_frames_of_several_seconds_have_a_rate(tmp_path):
    picture = [Image.new("RGB", (16, 16), (40 * place, 0, 0)) for place in range(4)]
    lasting = [3000, 9000, 3000, 3000]
    picture[0].save(tmp_path / "a.gif", save_all=True, append_images=picture[1:], duration=lasting)
    source = inspect_clip(tmp_path / "a.gif")
    (cut,) = cut_alike({("a", "a"): source}, [], CutSettings(), None).values()
    assert cut.frames * 1000 / cut.rate == pytest.approx(sum(lasting), rel=0.1)


def test_each_group_of_clips_is_cut_to_its_shortest(tmp_path):
    """Those that pairs connect, directly or by way of others; a pair of others is left alone."""
    lengths = {"a": 8, "b": 6, "c": 9, "d": 12, "e": 12}
    sources = {
        (name, "1"): inspect_clip(record(tmp_path / f"{name}.mp4", frames=frames))
        for name, frames in lengths.items()
    }
    pairs = [((one, "1"), (other, "1")) for one, other in ("ab", "bc", "de")]
    cuts = cut_alike(sources, pairs, CutSettings(trim=True), None)
    assert [cut.frames for cut in cuts.values()] == [6, 6, 6, 12, 12]


def test_clips_that_start_again_within_an_exposure_are_told(here):
    told = "Clips of 0.32 s start again within the longest exposure, 0.5 s."
    asked = ("--mode", "limited-time", "--contact", "a@b.org", "--out")
    assert told in " ".join(build(*asked, "loops", "--exposure-ms", "500").output.split())
    for out, more in (
        ("short", ["--exposure-ms", "320"]),
        ("once", ["--exposure-ms", "500", "--play", "once"]),
    ):
        done = build(*asked, out, *more)
        assert done.exit_code == 0, done.output
        assert "start again" not in done.output


def test_a_study_of_clips_asks_of_clips_where_nothing_else_is_stated(here):
    assert build("--contact", "a@b.org", "--language", "de").exit_code == 0
    study = read_study("study")
    assert [question.text for question in study.experiment.questions] == ["Welcher Clip ist realistischer?"]
    assert study.title == "Welcher Clip ist realistischer?"
    assert study.description == "Sehen Sie sich Clip-Paare an und beantworten Sie zu jedem Paar eine Frage."
    page = study.page_path(study.hits[0].hit).read_text()
    assert "Bild" not in page.partition("<body>")[2].partition("Bildwiederholrate")[0]
    done = build("--contact", "a@b.org", "--question", "Which is faster?", "--title", "Cars", "--force")
    assert done.exit_code == 0, done.output
    study = read_study("study")
    assert (study.title, study.experiment.questions[0].text) == ("Cars", "Which is faster?")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--play", "once", "--again"],
            "--again goes with unlimited time alone: an exposure ends",
        ),
        (["--must-see-all"], "--must-see-all goes with unlimited time alone"),
        (["--again"], "--again has no effect on clips that loop; give --play once"),
    ],
)
def test_how_clips_play_must_fit_the_study(here, words, said):
    done = build(*words)
    assert done.exit_code != 0
    assert said in done.output
    assert not (here / "study").exists()


def test_how_clips_play_says_nothing_of_images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for condition in CONDITIONS:
        (tmp_path / "clips" / condition).mkdir(parents=True)
        for scene in "ab":
            Image.new("RGB", (64, 64), (10, 200, 99)).save(tmp_path / "clips" / condition / f"{scene}.png")
    done = build("--play", "once")
    assert done.exit_code != 0
    assert "--play is for clips; this study has images. Leave it out." in done.output


def test_clips_are_built_from_python(here):
    import glimpse

    asked = {"trials_per_cell": 1, "sentinels_per_hit": 0, "hits_per_batch": 1, "max_wrong_sentinels": 0}
    experiment = glimpse.plan_study("clips", mode="unlimited-time", ours="ours", baselines=["real"], **asked)
    with pytest.warns(UserWarning, match="cannot ask anybody"):
        study = glimpse.build_study(
            "clips", experiment, play="once", again=True, must_see_all=True, clip_seconds=0.2, trim=True
        )
    assert study.moving
    assert {name: study.page_settings[name] for name in ("play", "again", "must_see_all")} == {
        "play": "once", "again": True, "must_see_all": True,
    }  # fmt: skip
    assert {one.duration_ms for one in study.stimuli.values()} == {200.0}
