"""Runs whose reward is a judge on `transformers serve`, and generation by that server compared with our own.

usage: check.py FOLDER PORT     FOLDER is made anew; exit 1 at the first thing that does not hold

The judge is a model of 130,000 weights that Open Strawberry's own warm-up teaches to read the number at the end of an
answer. That makes its marks worth nothing as marks, and each of them can be computed a second time by `./strawberry model
generate`: the check is that what the run stored is what the server's model says.
"""
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import time
import urllib.request

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEMO = ROOT / "config/runs/letter-count"
FOLDER = pathlib.Path(sys.argv[1]).resolve()
PORT = int(sys.argv[2])
URL = f"http://127.0.0.1:{PORT}/v1"
CHAT = "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}\n{% endfor %}{% if add_generation_prompt %}[assistant] {% endif %}"
POINTWISE, PAIRWISE = "Answer: %s", "A: %s B: %s"
SCORE, VERDICT = r"Score: ([0-9]+)", r"\[\[([ABC])]]"
MOST = 4                                           # larger marks are failures by the run's settings, so that some are
MAX_TOKENS = 16


def hold(what, condition, found=""):
    print(("ok    " if condition else "FAILS ") + what + (f" ({found})" if found != "" else ""), flush=True)
    if not condition:
        sys.exit(1)


def strawberry(*arguments, good=True):
    done = subprocess.run([ROOT / "strawberry", *map(str, arguments)], cwd=FOLDER, capture_output=True, text=True)
    if good and done.returncode != 0:
        sys.exit(f"strawberry {arguments}: exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def train(name, settings, good=True):
    file = FOLDER / f"{name}.yaml"
    file.write_text(json.dumps(settings, indent=2))  # JSON is YAML
    return strawberry("train", file, "--run-dir", FOLDER / name, good=good)


# ---------------------------------------------------------------- models


def byte_tokenizer():
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate(["<pad>", "</s>", *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<pad>", "</s>"])
    return tokenizer


def judge_model():
    """The judge: exported by a run that has a warm-up and, as all its rewards are equal, no step."""
    config = FOLDER / "judge-config"
    config.mkdir()
    tokenizer = byte_tokenizer()
    tokenizer.save(str(config / "tokenizer.json"))
    llama = json.loads((DEMO / "base/config.json").read_text())
    llama.update(vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=256, bos_token_id=None, eos_token_id=1, pad_token_id=0)
    (config / "config.json").write_text(json.dumps(llama))
    (config / "generation_config.json").write_text(json.dumps({"eos_token_id": 1, "pad_token_id": 0, "do_sample": False}))
    (config / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "</s>", "pad_token": "<pad>", "model_max_length": 256,
         "clean_up_tokenization_spaces": False}))
    (config / "chat_template.jinja").write_text(CHAT)
    strawberry("model", "init", "--config", config, "--seed", 3, "--out", FOLDER / "judge-base")

    draw = random.Random(5)
    answers = [row["completion"] for row in lines(DEMO / "warmup.jsonl") if re.search(r"=\d$", row["completion"])]
    ask = lambda text: f"[user] {text}\n[assistant] "
    rows = []
    for _ in range(6000):
        a, b = draw.choice(answers), draw.choice(answers)
        rows.append({"prompt": ask(POINTWISE % a), "completion": f"Score: {a[-1]}"})
        rows.append({"prompt": ask(PAIRWISE % (a, b)),
                     "completion": "[[A]]" if a[-1] > b[-1] else "[[B]]" if a[-1] < b[-1] else "[[C]]"})
    write_lines(FOLDER / "judge-warmup.jsonl", rows)
    write_lines(FOLDER / "judge-prompts.jsonl", [{"prompt": ask(POINTWISE % "=1")}])
    train("judge", {
        "seed": 1, "model": {"policy": "judge-base/", "threads": 1},
        "warmup": {"data": "judge-warmup.jsonl", "steps": 600, "batch": 32, "learning-rate": 5e-3, "micro-batch-tokens": 2048},
        "data": {"prompts": "judge-prompts.jsonl"}, "sampling": {"prompts": 1, "branches": 2, "max-new-tokens": 4, "shards": 1},
        "reward": {"verifier": {"kind": "regex", "pattern": r"[\s\S]?"}}, "until": {"iterations": 1}})
    return FOLDER / "judge/policy"


def policy_base():
    base = FOLDER / "policy-base"
    shutil.copytree(DEMO / "base", base)
    (base / "chat_template.jinja").write_text("{{ bos_token }}{% for m in messages %}{{ m['content'] }}{% endfor %}")
    shutil.copy(DEMO / "train.jsonl", FOLDER)
    write_lines(FOLDER / "heldout.jsonl", lines(DEMO / "heldout.jsonl")[:12])
    write_lines(FOLDER / "warmup.jsonl", lines(DEMO / "warmup.jsonl"))


def generated(model, texts):
    """What our own generator answers to each text as a user's message, greedily."""
    texts = list(dict.fromkeys(texts))
    write_lines(FOLDER / "in.jsonl", [{"messages": [{"role": "user", "content": text}]} for text in texts])
    strawberry("model", "generate", "--model", model, "--input", FOLDER / "in.jsonl", "--output", FOLDER / "out.jsonl",
               "--max-new-tokens", MAX_TOKENS, "--greedy")
    return dict(zip(texts, (row["completion"] for row in lines(FOLDER / "out.jsonl")), strict=True))


# ---------------------------------------------------------------- the server


class Server:
    def __init__(self, model):
        self.model = model

    def __enter__(self):
        log = open(FOLDER / "server.log", "ab")
        command = [pathlib.Path(sys.executable).with_name("transformers"), "serve", self.model, "--device", "cpu", "--dtype",
                   "float32", "--host", "127.0.0.1", "--port", str(PORT)]
        self.process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "HF_HUB_OFFLINE": "1"})
        for _ in range(600):
            if self.process.poll() is not None:
                sys.exit(f"transformers serve ended; see {FOLDER / 'server.log'}")
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health", timeout=5)
                return self
            except OSError:
                time.sleep(0.5)
        sys.exit("transformers serve did not start")

    def __exit__(self, *error):
        self.process.terminate()
        self.process.wait(30)

    def answer(self, text):
        body = {"model": str(self.model), "messages": [{"role": "user", "content": text}], "temperature": 0, "max_tokens": MAX_TOKENS}
        request = urllib.request.Request(f"{URL}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)["choices"][0]["message"]["content"]


# ---------------------------------------------------------------- runs


def run_settings(judge):
    return {
        "seed": 7, "model": {"policy": "policy-base/", "threads": 1},
        "warmup": {"data": "warmup.jsonl", "steps": 300, "batch": 32, "learning-rate": 5e-3, "micro-batch-tokens": 1024},
        "data": {"prompts": "train.jsonl", "held-out": "heldout.jsonl"},
        "sampling": {"prompts": 8, "branches": 4, "max-new-tokens": 24},
        "reward": {"judge": judge, "concurrency": 4, "retries": 1},
        "reference": {"every": 2}, "until": {"iterations": 4},
        "evaluation": {"every": 2, "reward": {"verifier": {"kind": "numeric", "after": "=", "once": True, "require-eos": True}}}}


def judge(kind, model, template, pattern):
    return {"kind": kind, "url": URL, "model": str(model), "template": template, "pattern": pattern, "max-tokens": MAX_TOKENS}


def results(name):
    """(thought, score) of each sequence, in groups of a prompt."""
    groups = {}
    for folder in sorted((FOLDER / name / "iterations").iterdir()):
        thoughts = {(t["prompt"], t["branch"]): t for file in folder.glob("thoughts-*.jsonl") for t in lines(file)}
        for file in sorted(folder.glob("scores-*.jsonl")):
            for score in lines(file):
                key = (score["prompt"], score["branch"])
                groups.setdefault((folder.name, score["prompt"]), []).append((thoughts[key], score))
    return list(groups.values())


def check_counts(name):
    flat = [pair for group in results(name) for pair in group]
    failed = [score for _, score in flat if "error" in score]
    hold(f"{name}: every sequence of 4 iterations has a score or an error", len(flat) == 4 * 8 * 4
         and all(("reward" in score) != ("error" in score) for _, score in flat), f"{len(flat)}, of which {len(failed)} errors")
    rows = [row.get("values", row) for row in lines(FOLDER / name / "metrics.jsonl")]
    hold(f"{name}: errors are counted as quarantined", sum(row.get("thoughts/quarantined", 0) for row in rows) == len(failed))
    hold(f"{name}: the run took steps", sum(row.get("pairs/formed", 0) for row in rows) > 0,
         f"{sum(row.get('pairs/formed', 0) for row in rows):.0f} pairs")
    hold(f"{name}: the verifier judged the held-out answers", all("eval/judge" in row for row in (rows[0], rows[2], rows[4])),
         ", ".join(f"{row['eval/judge']:.3f}" for row in (rows[0], rows[2], rows[4])))
    hold(f"{name}: the run ended with a policy", (FOLDER / name / "policy/model.safetensors").exists()
         and json.loads((FOLDER / name / "result.json").read_text())["iteration"] == 4)
    return flat, failed


def check_pointwise(model):
    settings = run_settings({**judge("pointwise", model, POINTWISE % "{{completion}}", SCORE), "from": 0, "to": MOST})
    down = train("pointwise", settings, good=False)
    said = down.stdout + down.stderr
    hold("pointwise: without a server the run fails and says why", down.returncode != 0 and "no prompt has a reward" in said,
         said.strip().splitlines()[-1])
    hold("pointwise: without a server nothing is trained", not list((FOLDER / "pointwise/iterations").glob("*/pairs.jsonl")))
    with Server(model):
        train("pointwise", settings)
    flat, failed = check_counts("pointwise")
    said = generated(model, [POINTWISE % thought["text"] for thought, _ in flat])

    def expected(thought):
        found = re.findall(SCORE, said[POINTWISE % thought["text"]])
        return float(found[-1]) if found and float(found[-1]) <= MOST else None

    hold("pointwise: some marks are outside the scale and all of those are errors", failed and all(
        expected(thought) is None for thought, score in flat if "error" in score))
    wrong = [(thought["text"], score.get("reward"), expected(thought)) for thought, score in flat if score.get("reward") != expected(thought)]
    hold("pointwise: every reward is what our own generator reads from the judge", not wrong, wrong[:3] or len(flat) - len(failed))


def check_pairwise(model):
    settings = run_settings(judge("pairwise", model, PAIRWISE % ("{{first}}", "{{second}}"), VERDICT))
    with Server(model):
        train("pairwise", settings)
    check_counts("pairwise")
    groups = [group for group in results("pairwise") if all("reward" in score for _, score in group)]
    texts = [[thought["text"] for thought, _ in group] for group in groups]
    said = generated(model, [PAIRWISE % (a, b) for group in texts for a in group for b in group if a != b])

    def won(a, b):
        return 0.5 if a == b else {"A": 1.0, "B": 0.0, "C": 0.5}[re.findall(VERDICT, said[PAIRWISE % (a, b)])[-1]]

    wrong = []
    for group, members in zip(groups, texts, strict=True):
        for i, (_, score) in enumerate(group):
            wins = [(won(members[i], other) + 1 - won(other, members[i])) / 2 for j, other in enumerate(members) if j != i]
            if abs(score["reward"] - sum(wins) / len(wins)) > 1e-12:
                wrong.append((members, i, score["reward"], sum(wins) / len(wins)))
    hold("pairwise: every reward is the share of comparisons that our own generator finds won", groups and not wrong,
         wrong[:2] or sum(map(len, groups)))


def check_generation(model, texts, name):
    ours = generated(model, texts)
    with Server(model) as server:
        differ = {text: (mine, theirs) for text, mine in ours.items() if (theirs := server.answer(text)) != mine}
    hold(f"{name}: the server's greedy answers are those of ./strawberry model generate --greedy", not differ, differ or len(ours))


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    policy_base()
    model = judge_model()
    check_pointwise(model)
    check_pairwise(model)
    check_generation(FOLDER / "pointwise/policy", [row["prompt"] for row in lines(DEMO / "heldout.jsonl")[:40]], "policy")
    check_generation(model, [POINTWISE % "é — 字 " + row["prompt"] for row in lines(DEMO / "heldout.jsonl")[:20]], "judge")
    print("All of it holds.")


main()
