"""A run that is logged to a real MLflow server, compared with its run directory.

usage: check.py FOLDER PORT     FOLDER is made anew; exit 1 at the first thing that does not hold
"""
import json
import math
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

import mlflow
from mlflow.tracking import MlflowClient

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = pathlib.Path(sys.argv[1]).resolve()
PORT = int(sys.argv[2])
URL = f"http://127.0.0.1:{PORT}"
RUN = FOLDER / "run"


def hold(what, condition, found=""):
    print(("ok    " if condition else "FAILS ") + what + (f" ({found})" if found != "" else ""), flush=True)
    if not condition:
        sys.exit(1)


class Server:
    """mlflow server on an SQLite file, which outlives it."""

    def __enter__(self):
        log = open(FOLDER / "server.log", "ab")
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(PORT), "--workers", "1",
                   "--backend-store-uri", f"sqlite:///{FOLDER / 'mlflow.db'}", "--artifacts-destination", str(FOLDER / "artifacts")]
        self.process = subprocess.Popen(command, cwd=FOLDER, stdout=log, stderr=log, start_new_session=True)
        for _ in range(1200):
            if self.process.poll() is not None:
                sys.exit(f"mlflow server ended; see {FOLDER / 'server.log'}")
            try:
                urllib.request.urlopen(f"{URL}/health", timeout=5)
                return self
            except OSError:
                time.sleep(0.25)
        sys.exit("mlflow server did not start")

    def __exit__(self, *error):
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)  # its workers may outlive it
        except ProcessLookupError:
            pass
        self.process.wait()


def train(iterations, *options, good=True):
    """The README's command, for a smaller run of the demo's."""
    sets = ["warmup.steps=12", "warmup.batch=16", "sampling.prompts=6", "sampling.branches=6", "sampling.max-new-tokens=12",
            "reward.verifier={kind: regex, pattern: '[1=]'}", "evaluation.every=2", f"until.iterations={iterations}"]
    command = [ROOT / "strawberry", "train", "--run-dir", RUN]
    for setting in sets:
        command += ["--set", setting]
    done = subprocess.run([*command, *options], cwd=FOLDER, capture_output=True, text=True,
                          env={**os.environ, "MLFLOW_TRACKING_URI": URL, "MLFLOW_EXPERIMENT_NAME": "check"})
    if good and done.returncode != 0:
        sys.exit(f"train: exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done


def same(a, b):
    return a == b or (math.isnan(a) and math.isnan(b)) or abs(a - b) <= 1e-12 * max(abs(a), abs(b))


def compare(client, run):
    """Every value of metrics.jsonl, once, at its step; and nothing else."""
    rows = [json.loads(line) for line in (RUN / "metrics.jsonl").read_text().splitlines()]
    expected = {(key, row["iteration"]): float(value) for row in rows for key, value in row.items() if key != "iteration"}
    found = {}
    for key in sorted({key for key, _ in expected} | set(run.data.metrics)):
        for metric in client.get_metric_history(run.info.run_id, key):
            hold(f"{key} has one value at step {metric.step}", (key, metric.step) not in found) if (key, metric.step) in found else None
            found[key, metric.step] = metric.value
    hold(f"metrics of iterations 0 to {rows[-1]['iteration']} are those of metrics.jsonl",
         found.keys() == expected.keys() and all(same(found[k], expected[k]) for k in expected), f"{len(found)} values")


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    mlflow.set_tracking_uri(URL)
    client = MlflowClient()
    print(f"mlflow {mlflow.__version__}")

    with Server():
        client.search_experiments()  # the first answer takes long
        said = train(2)
        hold("train says nothing on standard error", said.stderr == "", said.stderr)
        experiment = client.get_experiment_by_name("check")
        runs = client.search_runs([experiment.experiment_id])
        hold("there is one run, and it is finished", len(runs) == 1 and runs[0].info.status == "FINISHED", runs[0].info.run_name)
        params = runs[0].data.params
        hold("parameters are the settings", params["dpo.beta"] == "0.1" and params["sampling.prompts"] == "6"
             and params["reward.verifier.pattern"] == "[1=]", f"{len(params)} of them")
        tags = runs[0].data.tags
        digest = (RUN / "run.yaml.sha256").read_text().split()[0]
        hold("tags have the hash of the settings and the model card", tags["strawberry.run_sha256"] == digest
             and "letter-count" in tags["mlflow.note.content"])
        compare(client, runs[0])

    said = train(4)
    hold("without its server the run ends as well, and says so", said.returncode == 0 and "can't be logged to" in said.stderr,
         said.stderr.strip().splitlines()[0])

    with Server():
        client.search_experiments()
        train(4)  # is finished: only what is missing is sent
        runs = client.search_runs([experiment.experiment_id])
        hold("it is the same run", len(runs) == 1 and runs[0].info.status == "FINISHED")
        compare(client, runs[0])
        train(6)
        runs = client.search_runs([experiment.experiment_id])
        hold("a run that goes on continues it", len(runs) == 1 and runs[0].info.status == "FINISHED")
        compare(client, runs[0])
    print("all holds")


main()
