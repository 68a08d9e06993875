"""What tools/bench measures of a bisection: whether its builds keep up with its runs, in a real history."""
import json
import statistics
import subprocess
from pathlib import Path

from sizes import run_measured

ROOT = Path(__file__).resolve().parent.parent.parent
LIMIT_S = 3600
CASE = "LiveUpdate.MemfdKeepsItsBytes"


def make_history(work):
    """A repository of the guest kernel with 60 commits and more, one of which breaks the case."""
    done = subprocess.run([ROOT / "fixtures/history/make", "--out", work / "linux.git"], stdout=subprocess.PIPE, text=True,
                          timeout=LIMIT_S, check=True)
    return json.loads(done.stdout)


def journal_of(out):
    (folder,) = out.glob("bisect-*")
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]


def measure_bisection(figures, holdfast, work):
    """Searches the history once. `ahead` is what was built while cases ran."""
    history = make_history(work)
    out = work / "out"
    code, said, use = run_measured([holdfast, "bisect", "--tree", work / "linux.git", "--good", history["good"], "--bad",
                                 history["bad"], "--filter", CASE, "--out", out])
    if code != 0 or history["culprit"][:12] not in said:
        raise RuntimeError(f"holdfast bisect: exit code {code}\n{said[-2000:]}")
    steps = journal_of(out)
    builds = [step for step in steps if step["step"] == "build" and not step["untestable"]]
    runs = [step for step in steps if step["step"] == "run"]
    took = [build["seconds"] + build["ahead_seconds"] for build in builds]
    figures.add("bisect_s", use["took_s"])
    figures.add("bisect_builds", len(builds))
    figures.add("bisect_runs", len(runs))
    figures.add("bisect_first_build_s", took[0])
    figures.add("bisect_next_build_s", statistics.median(took[1:]))
    figures.add("bisect_waited_for_builds_s", sum(build["seconds"] for build in builds))
    figures.add("bisect_built_ahead_s", sum(build["ahead_seconds"] for build in builds))
    figures.add("bisect_run_s", statistics.median(run["seconds"] for run in runs))
