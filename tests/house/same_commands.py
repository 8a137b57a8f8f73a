"""What same_files.py runs: groups of commands, their inputs, and steps between them.

In a group, a line is a command, and lines that are indented go on with it; a line @NAME calls that function.
Commands run in a folder of their group, in which `inputs` leads to what `write_inputs` made.
"""

import csv
import json
import os
import random
import shutil
import subprocess

from PIL import Image
from same_visits import preview_served, serve_studies

LIMITED = """
build-hits --images inputs/images --sentinel blurred --contrast mine:real --contrast theirs:real
  --contrast mine:theirs --hits-per-batch 3 --workers-per-hit 6 --exposure-ms 125 --exposure-ms 500
  --exposure-ms 2000 --trials-per-cell 3 --sentinels-per-hit 4 --practice-trials 2 --title "A title"
  --description "What it is." --consent inputs/consent.txt --out limited
"""
UNLIMITED = """
build-hits --images inputs/images --mode unlimited-time --ours mine --sentinel blurred --baseline theirs
  --baseline real --hits-per-batch 2 --workers-per-hit 5 --trials-per-cell 8 --sentinels-per-hit 3
  --max-wrong-sentinels 1 --title "Another title" --description "What it is." --consent inputs/consent.txt
  --out unlimited
"""
SIZES = "--stage 16x32:1 --stage 32x64:1 --widths 4,4,4,4 --sample-steps 2"
NETWORK = f"{SIZES} --features random"
TOWNS = "--data cityscapes:inputs/Cityscapes"
GROUPS = {
    "help": """
--help
--version
synthesise
@every_help
""",
    "images": """
synthesize inputs/labels --condition mine
synthesize inputs/labels --condition mine --label-set cityscapes
synthesize inputs/labels --condition mine --label-set cityscapes
synthesize inputs/labels --weights scenes-crn --size 64x128 --batch 2 --dtype bfloat16 --out other
synthesize inputs/labels --label-set cityscapes --samples 3 --grid --size 64x128 --condition many
  --video grids.mp4 --fps 4
synthesize inputs/labels --weights camvid-crn --map cityscapes-camvid --size 128x192
synthesize inputs/labels --weights scenes-pix2pix --encoding label-ids --unknown void
synthesize --video drive.mp4 --frames 4 --size 64x128
synthesize inputs/none
gallery images --labels inputs/labels --columns layout,mine,many-1 --ours mine --items 2 --rows 1
gallery images --labels inputs/labels --columns mine,many-2 --cell-width 100 --out second
""",
    "weights": f"""
train --scenes 2 {NETWORK}
train {TOWNS} {NETWORK} --name part --minutes 0.00001
train --resume --name part
train --resume --name part --batch 2
train {TOWNS} {NETWORK} --name part
train {TOWNS} --arch pix2pix --stage 32x64:1 --widths 4,8,8,8 --seed 3
train {TOWNS} {SIZES} --loss image --mirror --batch 2 --out elsewhere
train {TOWNS} {NETWORK} --loss diverse --samples 3 --half
train --scenes 2 --arch features --steps 2
train --root inputs/Cityscapes --data cityscapes --stage 32x64:1 --fit stretch --recompute --name again
  --features-file training/scenes-features/scenes-features.safetensors --emphasis 1,1,1,1,1,1
  --weights training/part/part.safetensors
synthesize inputs/labels --weights training/part/part.safetensors
import-weights inputs/latest_net_G.pth
import-weights inputs/latest_net_G.pth --format pix2pix --size 256x512 --out wide.safetensors
import-weights inputs/vgg19-dcbb9e9d.pth --out vgg19.safetensors
import-weights inputs/consent.txt
import-weights nowhere/model.ckpt --format crn-tensorflow
synthesize inputs/labels --weights latest_net_G.safetensors --size 256x256
""",
    "build": f"""
build-hits --images inputs/images --sentinel blurred --out limited-glimpse
build-hits --images inputs/images --sentinel blurred --out limited-paper --preset paper
build-hits --images inputs/images --sentinel blurred --out limited-authors --preset authors
build-hits --images inputs/images --sentinel blurred --out open-glimpse --mode unlimited-time --ours mine
build-hits --images inputs/images --sentinel blurred --out open-paper --mode unlimited-time --preset paper
  --ours mine
build-hits --images inputs/images --sentinel blurred --out open-authors --mode unlimited-time --preset authors
  --ours theirs --baseline mine --pairing random --practice-trials 2 --break-every 0 --encode keep
{LIMITED}{UNLIMITED}{LIMITED}{LIMITED.rstrip()} --force --seed 1
build-hits --images inputs/images --contrast mine:real --contrast theirs:mine --hits-per-batch 2
  --pairing same-item --scenes with-replacement --sides random --exposure-ms 100 --exposure-ms 1000
  --sentinel blurred --sentinel-exposure-ms 2000 --trials-per-cell 3 --sentinels-per-hit 4
  --max-sentinels-in-a-row 2 --max-wrong-sentinels 1 --practice-trials 3 --break-every 10 --workers-per-hit 4
  --reward-usd 1.25 --time-allotted-minutes 20 --encode png --title "A title" --description "What it is."
  --question "Which one?" --consent inputs/consent.txt --display-width 200 --fixation-ms 500
  --submit-origin https://pages.example.org --seed 7 --out everything
build-hits --images inputs/gaps --sentinel blurred --out gaps
build-hits --images inputs/gaps --sentinel blurred --allow-missing --trials-per-cell 1 --out gaps
build-hits --images inputs/images --from-hits inputs/hits.csv --sentinel blurred --reward-usd 3 --out authors
build-hits --images inputs/images --from-hits inputs/amt.csv --practice-trials 2 --exposure-ms 750
  --workers-per-hit 3 --out amt
build-hits --images inputs/images --from-hits inputs/hits.csv --mode limited-time --out no
build-hits --images inputs/images --contrast mine --out no
build-hits --images inputs/images --sentinel blurred --max-wrong-sentinels 99 --out no
build-hits --images inputs/none
preview everything --no-browser
preview everything --no-browser --hit b1-h02 --before-accepting
preview everything --no-browser --hit none
@preview_served
""",
    "simulate": f"""
{LIMITED}{UNLIMITED}
simulate limited
simulate limited
simulate limited --out few --workers 5 --seed 7 --quality mine=-0.5 --quality theirs=-2 --random-share 0.4
  --lapse 0.1 --pair-sd 1 --ability-sd 0.5 --side-bias-sd 1
simulate unlimited --out open
simulate unlimited
simulate limited --quality other=1
simulate limited --concurrency 2
simulate limited --through-server http://127.0.0.1:9
simulate nowhere
""",
    "analyze": f"""
{LIMITED}{UNLIMITED}
simulate limited --random-share 0.3
simulate limited --out more --seed 1 --workers 9
simulate unlimited --out open --random-share 0.2
@alter_results
analyze --images limited/images
analyze open --images inputs/images --out open-report
analyze people --out a --figures svg --cluster scene --curve weibull --adjust bh
analyze people --out b --figures svg --cluster worker --curve gaussian --no-sentinel-filter
  --repeat-workers keep
analyze people --out c --figures svg --cluster pair --max-wrong 0 --level 0.9 --exposure measured
analyze people --out d --figures png --cluster worker-bootstrap --seed 3 --max-exposure-error-ms 10
  --format json
analyze open --out e --figures svg --cluster pair-bootstrap --adjust bh --max-wrong 2
analyze partial --out f --figures svg
analyze damaged --out g --figures svg
analyze results more --out h --figures svg
analyze results more people --out i --figures svg --compare
analyze results open --out j --figures svg
analyze damaged --out g --figures pdf
analyze results --out limited
analyze results --no-sentinel-filter --max-wrong 1
analyze results --level 2
analyze results --figures gif
analyze nowhere
""",
    "power": f"""
{LIMITED}{UNLIMITED}
power --studies 50 --spread 0.25 0.45
power --studies 50 --mode unlimited-time --rate 0.52 --spread 0.1 0.2 --alpha 0.01 --slip 0.1 --seed 4
  --out open
power limited --studies 50 --spread 0.5 0.8 --workers-per-hit 9 --reward 1.50 --hits 2 --trials-per-cell 4
  --out own
power unlimited --studies 50 --spread 0 0 --rate 0.9 --out own-open
power limited --mode limited-time
power --rate 2
""",
    "import": f"""
{LIMITED}{UNLIMITED}
@own_page_answers
import-results inputs/authors.csv --sentinel image-space
import-results inputs/authors.csv --out plain
import-results inputs/authors.csv --out results
import-results inputs/open-mine.csv inputs/open-theirs.csv --sentinel image-space --real real --out open
import-results inputs/damaged.csv --out damaged
import-results inputs/amt-results.csv --format amt-real-vs-fake --sentinel vigilance --out amt
import-results inputs/amt-results.csv --format amt-real-vs-fake --practice 3 --exposure-ms 500 --out amt-3
import-results limited.csv --format glimpse --study limited --out limited-results
import-results unlimited.csv --format glimpse --study unlimited --out unlimited-results
import-results inputs/authors.csv --format glimpse --study limited --out no
import-results inputs/authors.csv --real photo --out no
import-results inputs/authors.csv --practice 3 --out no
analyze results --out report --figures svg
analyze open --out open-report --figures svg
analyze amt --out amt-report --figures svg
analyze limited-results --out limited-report --figures svg
""",
    "server": f"""
{LIMITED}{UNLIMITED}{LIMITED.rstrip()} --workers-per-hit 12 --seed 3 --out paid
@serve_studies
analyze results --out report --figures svg
analyze unlimited-results --out open-report --figures svg
""",
    "demo": """
demo
demo --out demo/images
gallery demo/images --rows 2 --cell-width 100
""",
}


def every_help(side):
    for name in ("synthesize", "train", "import-weights", "gallery", "build-hits", "preview", "serve",
                 "publish", "status", "collect", "review", "import-results", "simulate", "analyze", "power",
                 "demo"):  # fmt: skip
        side.run(f"{name} --help")


def alter_results(side):
    """Make results of people, partial ones and damaged ones from simulated ones."""
    lines = [json.loads(line) for line in (side.at / "results" / "assignments.jsonl").open()]
    lines[4]["worker"] = lines[0]["worker"]
    for number, line in enumerate(lines):
        line["simulated"], line["assignment_id"] = False, "P" + line["assignment_id"][1:]
        line["page"]["user_agent"] = "Mozilla/5.0"
        for answer in line["answers"][number % 5 :: 5]:
            answer["shown_ms"] = round(answer["shown_ms"] + 9 * number, 2)
            answer["flags"], answer["repeat"] = ["long"], number % 2
    texts = [json.dumps(line) for line in lines]
    unknown = json.dumps({**lines[1], "assignment_id": "ELSEWHERE", "hit": "b9-h09"})
    strange = json.dumps(
        {**lines[2], "answers": [{"trial": "t9999", "side": "up"}, *lines[2]["answers"][1:]]}
    )
    again = json.dumps({**lines[3], "status": "Rejected"})
    damaged = [*texts[:2], "{not json", unknown, strange, "[]", "", *texts[3:9], again, texts[9][:500]]
    for name, found in {"people": texts, "partial": texts[:7], "damaged": damaged}.items():
        (side.at / name).mkdir()
        for other in ("study.json", "trials.csv"):
            shutil.copy(side.at / "results" / other, side.at / name)
        (side.at / name / "assignments.jsonl").write_text("\n".join(found) + "\n")


def own_page_answers(side):
    """Write the result files that a classic web interface gives for our own pages."""
    for name in ("limited", "unlimited"):
        study = json.loads((side.at / name / "study.json").read_text())
        trials = list(csv.DictReader((side.at / name / "trials.csv").open()))
        dice, rows = random.Random(0), []
        for hit in study["hits"]:
            for worker in range(3):
                answers = [
                    {"trial": trial["trial"], "side": dice.choice(["left", "right"])}
                    for trial in trials
                    if trial["hit"] == hit["hit"]
                ]
                body = {
                    "schema": 1,
                    "study": study["study"],
                    "hit": hit["hit"],
                    "page": {},
                    "answers": answers,
                }
                row = {"AssignmentId": f"A{len(rows)}", "WorkerId": f"W{worker}", "HITId": hit["hit"]}
                rows.append({**row, "AssignmentStatus": "Approved", "Answer.answers": json.dumps(body)})
        rows[1]["Answer.answers"] = rows[1]["Answer.answers"].replace(study["study"], "another")
        rows[2]["Answer.answers"] = "{"
        write_rows(side.at / f"{name}.csv", rows)


def write_rows(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


STEPS = {
    step.__name__: step
    for step in (every_help, alter_results, own_page_answers, preview_served, serve_studies)
}


def write_inputs(folder, checkout, python):
    """Write what both sides begin from: what readers of the guides have, and more."""
    folder.mkdir(parents=True)
    names = ["own_images", "authors_hits", "authors_results", "pix2pix_generator", "cityscapes"]
    code = (
        f"import sys, guides\nfor name in {names}: getattr(guides, 'given_' + name)(guides.Path(sys.argv[1]))"
    )
    paths = os.pathsep.join([str(checkout / "tests" / "house"), str(checkout)])
    environment = {**os.environ, "PYTHONPATH": paths}
    subprocess.run([python, "-c", code, folder], cwd=folder, env=environment, check=True)
    dice = random.Random(0)
    (folder / "labels").mkdir()
    for number in range(3):
        ids = Image.frombytes("L", (16, 8), bytes(dice.choices(range(19), k=128)))
        ids.resize((128, 64), Image.Resampling.NEAREST).save(folder / "labels" / f"{number}.png")
    (folder / "consent.txt").write_text("You take part\nof your own will.\n\nYou may stop.\n")
    shutil.copytree(folder / "images", folder / "gaps")
    (folder / "gaps" / "mine" / "000003.png").unlink()
    (folder / "batch_results.csv").rename(folder / "authors.csv")
    write_answers(folder, dice)


def write_answers(folder, dice):
    """Write more HIT files and result files of other scripts, and a damaged one."""
    rows = list(csv.DictReader((folder / "authors.csv").open()))
    for other in ("mine", "theirs"):
        named = [{name: cell.replace("/mine/", f"/{other}/") for name, cell in row.items()} for row in rows]
        for row in named:
            row["AssignmentId"] += other
        untimed = [{name: cell for name, cell in row.items() if "time_" not in name} for row in named]
        write_rows(folder / f"open-{other}.csv", untimed)
    rows[0]["Answer.choice_3"], rows[1]["WorkerId"], rows[4]["Input.time_2"] = "optionC", "", "soon"
    rows[2]["AssignmentId"], rows[5]["SubmitTime"] = rows[3]["AssignmentId"], "yesterday"
    write_rows(folder / "damaged.csv", rows)
    shown, answers = {}, {}
    for number in range(14):
        sides = ["real", "blurred" if number == 13 else "mine"]
        dice.shuffle(sides)
        shown[f"gt_side{number}"] = ("left", "right")[sides.index("real")]
        for side, name in zip(("left", "right"), sides, strict=True):
            shown[f"images_{side}{number}"] = f"{name}/{number:06d}.png"
        answers[f"Answer.selection{number}"] = dice.choice(["left", "right", "unset"])
    write_rows(folder / "amt.csv", [shown])
    inputs = {f"Input.{key}": value.replace("blurred", "vigilance") for key, value in shown.items()}
    found = [{"AssignmentId": f"A{n}", "WorkerId": f"W{n}", **inputs, **answers} for n in range(3)]
    write_rows(folder / "amt-results.csv", found)
