"""Does a city that corrects its model get a better one? Simulated over real HTTP with a real PostgreSQL.

``python -m benchmarks.city`` cuts four sources of the shared photos into people by object, starts `ecosorter serve`
with two workers and a model that never saw these sources, and lives through three rounds: people send photos and
correct the answers (10 % of what they say is wrong, 30 % come with a photo that may be kept), two reviewers decide (the
two-person rule; one look in twenty is careless), the next model is made, goes into shadow, and is promoted while
photos keep coming. After each round those are asked about who never corrected anything, and a fifth source.

In the end somebody comes who shifts every label, and gets past the reviewers; the model that is made then is measured
beside the one that is made without, with and without the look at contributors.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import numpy as np

from benchmarks.city_people import FIFTH, SOURCES, Person, people, refuse_one_that_knows, start_model
from ecosorter.bundle import Bundle
from ecosorter.datasets.dataset import PhotoRow
from ecosorter.serving.improving import improve as improving
from ecosorter.serving.improving.figures import Figures
from ecosorter.serving.improving.people import is_held_out
from ecosorter.serving.store import Store
from ecosorter.serving.store.corrections import pseudonym
from tests.serving.postgres import server, why_not

SHARED = Path(os.environ.get("ECOSORTER_SHARED", "../shared"))
WRONG, CONSENT, CARELESS = 0.10, 0.30, 0.05
POISON = 40
ASKED = 150  # photos of a source about which is asked after each round, at most

say = partial(print, flush=True)


class City:
    """The service, its reviewers, and what they know."""

    def __init__(self, address: str, store: Store, seed: int) -> None:
        self.client = httpx.Client(base_url=address, timeout=120)
        self.store = store
        self.random = np.random.default_rng(seed)
        self.truths: dict[UUID, str] = {}
        self.kept: set[Path] = set()
        self.admin, *self.reviewers = (
            {"Authorization": f"Bearer {token}"}
            for token in (
                store.tokens.create("Ani", "admin"),
                store.tokens.create("Budi", "reviewer"),
                store.tokens.create("Citra", "reviewer"),
            )
        )

    def ask(self, row: PhotoRow) -> dict[str, Any]:
        """Classify a photo."""
        answer = self.client.post("/v1/classify", content=row.path.read_bytes(), headers={"Content-Type": "image/jpeg"})
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def tell(self, person: Person, row: PhotoRow, *, consent: bool) -> None:
        """Classify a photo, and say what it really shows."""
        self.correct(person, row, self.ask(row), consent=consent)

    def correct(self, person: Person, row: PhotoRow, answer: dict[str, Any], *, consent: bool) -> None:
        """Say what a photo really shows, or what the person takes it for."""
        result = answer["results"][0]
        data = {
            "model": answer["model"],
            **{name: result[name] for name in ("best", "label", "confidence")},
            "truth": person.wrong.get(row.path, row.label),
            "consent": consent,
            "contributor": str(person.id),
            "secret": "5e" * 32,
            "lang": "id",
        }
        files = {"data": (None, json.dumps(data))} | ({"photo": row.path.read_bytes()} if consent else {})
        self.kept |= {row.path} if consent else set()
        kept = self.client.post("/v1/corrections", files=files, headers={"Idempotency-Key": str(uuid4())})
        kept.raise_for_status()
        self.truths[UUID(kept.json()["id"])] = row.label

    def review(self, *, accept: bool = False) -> None:
        """Let both reviewers decide on everything; `accept`: they accept whatever was said."""
        for headers in self.reviewers:
            while items := self.client.get("/v1/review/queue?limit=100", headers=headers).json()["items"]:
                for item in items:
                    truth = self.truths[UUID(item["id"])]
                    careless = accept or self.random.random() < CARELESS
                    decision = "accept" if careless or item["truth"] == truth else "relabel"
                    decided = {"decision": decision, "label": truth if decision == "relabel" else None}
                    self.client.post(f"/v1/review/{item['id']}", json=decided, headers=headers).raise_for_status()

    def models(self) -> dict[str, Any]:
        """Return what the admin page knows."""
        found: dict[str, Any] = self.client.get("/v1/admin/models", headers=self.admin).json()
        return found

    def improve(self) -> dict[str, Any] | None:
        """Have the next model made, and wait for it; None where there is too little for one."""
        self.client.post("/v1/admin/improve", headers=self.admin).raise_for_status()
        before = self.models()["run"]
        while (run := self.models()["run"]) is None or run["outcome"] == "running" or run == before:
            time.sleep(1)
        if run["outcome"] != "candidate":
            say(f"no candidate: {run['outcome']}, {run['missing']}")
            return None
        made: dict[str, Any] = next(model for model in self.models()["models"] if model["id"] == run["model"])
        return made

    def set(self, model: str, state: str) -> None:
        """Change a model's state."""
        wanted = {"state": state, "seen": self.models()["seen"]}
        self.client.post(f"/v1/admin/models/{model}/state", json=wanted, headers=self.admin).raise_for_status()

    def accuracy(self, rows: Sequence[PhotoRow]) -> float:
        """Ask about photos, and return the share of right answers."""
        with ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(self.ask, rows))
        return float(np.mean([one["results"][0]["best"] == row.label for one, row in zip(answers, rows, strict=True)]))


class Load:
    """Clients that ask all the time, and what came of each request."""

    def __init__(self, city: City, rows: Sequence[PhotoRow]) -> None:
        self._city, self._rows, self._stop = city, rows, threading.Event()
        self.sent, self.versions, self.request_ids = 0, list[str](), list[str]()
        self.failed: list[str] = []
        self._threads = [threading.Thread(target=self._run, args=(start,)) for start in range(3)]

    def _run(self, turn: int) -> None:
        while not self._stop.is_set():
            self.sent += 1
            try:
                answer = self._city.ask(self._rows[turn % len(self._rows)])
            except httpx.HTTPError as error:
                self.failed.append(repr(error))
            else:
                self.versions.append(answer["model"]["version"])
                self.request_ids.append(answer["request_id"])
            turn += 3

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def main() -> None:
    """Parse the command line, live through it, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=SHARED / "photos")
    parser.add_argument("--most", type=int, default=3000, help="photos of a source, at most")
    parser.add_argument("--each", type=int, default=8, help="photos of a person, about")
    parser.add_argument("--rounds", type=int, default=3, help="models that are made one after the other")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=Path, help="SVG file for the plot")
    given = parser.parse_args()
    if reason := why_not():
        raise SystemExit(reason)
    with tempfile.TemporaryDirectory() as name, server() as socket_folder:
        folder = Path(name)
        model = start_model(folder / "start")
        refuse_one_that_knows(model)
        everybody, fifth = people(given.photos, model, given.most, given.each, given.seed)
        database = f"postgresql://postgres@/postgres?host={socket_folder}"
        with (
            Store.open(database, str(folder / "photos")) as store,
            serving(model, database, folder) as address,
        ):
            city = City(address, store, given.seed)
            live(city, everybody, fifth, given.rounds, given.plot)
            poison(city, everybody)


@contextmanager
def serving(model: Bundle, database: str, folder: Path) -> Iterator[str]:
    """Run the command; yield its address."""
    options = ["--model", str(model.folder), "--database", database, "--photos-at", str(folder / "photos")]
    options += ["--port", "0", "--rate", "0", "--workers", "2", "--two-person", "--shadow-share", "1"]
    command = [sys.executable, "-m", "ecosorter.cli", "serve", *options]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert process.stdout
            yield next(word for word in process.stdout.readline().split() if word.startswith("http"))
        finally:
            process.terminate()
            process.wait(60)


def live(city: City, everybody: Sequence[Person], fifth: Sequence[PhotoRow], rounds: int, plot: Path | None) -> None:
    """Live through the rounds, and print after each how those fare who never corrected anything."""
    quiet = {
        name: [row for one in everybody if one.source == name and not one.corrects for row in one.photos]
        for name in SOURCES
    }
    quiet = {name: rows[:: max(1, len(rows) // ASKED)][:ASKED] for name, rows in quiet.items()}
    asked = [row for rows in quiet.values() for row in rows]
    correct = [person for person in everybody if person.corrects]
    say(f"{len(everybody)} people, {len(correct)} of whom correct; {len(asked)} photos of the others are asked about")
    say(f"and {len(fifth)} of the fifth source")
    classes = sorted({row.label for row in asked})
    table: dict[str, list[float]] = defaultdict(list)

    def measure() -> None:
        for source, rows in quiet.items():
            table[source].append(city.accuracy(rows))
        table["all of them"].append(
            float(np.average([table[s][-1] for s in SOURCES], weights=[len(quiet[s]) for s in SOURCES]))
        )
        table[f"fifth: {FIFTH}"].append(city.accuracy(fifth))

    measure()
    for number in range(rounds):
        told = [(person, row) for person in correct[number::rounds] for row in person.photos]
        for person, row in told:
            if city.random.random() < WRONG:
                person.wrong[row.path] = str(city.random.choice([name for name in classes if name != row.label]))
        consents = (city.random.random(len(told)) < CONSENT).tolist()
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda said: city.tell(*said[0], consent=said[1]), zip(told, consents, strict=True)))
        city.review()
        made = city.improve()
        if made is None:
            measure()
            continue
        report(number + 1, made)
        with Load(city, asked) as load:
            city.set(made["id"], "shadow")
            while sum(one["photos"] for one in _of(city, made)["shadow"]) < 30:
                time.sleep(0.5)
            city.set(made["id"], "in_use")
            start = time.perf_counter()
            while load.versions[-20:].count(made["version"]) < 20:
                time.sleep(0.1)
            seconds = time.perf_counter() - start
        shadow = _of(city, made)["shadow"]
        agreed = sum(one["agreement"] * one["photos"] for one in shadow) / sum(one["photos"] for one in shadow)
        answered = len(load.request_ids)
        twice = answered - len(set(load.request_ids))
        say(f"  under load: {load.sent} requests, {answered} answers, {twice} twice, {len(load.failed)} failed;")
        say(f"  the new model alone after {seconds:.1f} s; in shadow it agreed with {agreed:.0%}")
        measure()
    say_table(table, plot)


def say_table(table: dict[str, list[float]], plot: Path | None) -> None:
    """Print the accuracies, and draw them where that is asked for."""
    head = ["start", *(f"model {number + 1}" for number in range(len(table["all of them"]) - 1))]
    say("\n| accuracy | " + " | ".join(head) + " |\n|---|" + "---|" * len(head))
    for name, values in table.items():
        say(f"| {name} | " + " | ".join(f"{100 * value:.1f}" for value in values) + " |")
    if plot is not None:
        draw(table, head, plot)


def _of(city: City, made: dict[str, Any]) -> dict[str, Any]:
    return next(model for model in city.models()["models"] if model["id"] == made["id"])


def report(number: int, made: dict[str, Any]) -> None:
    """Print the figures of a candidate."""
    figures = made["figures"]
    (teach, measure), (taught, measured) = figures["contributors"], figures["photos"]
    held_out, bank, gain = figures["held_out"], figures["bank"], figures["difference"]
    say(
        f"round {number}: {taught} photos of {teach} people taught, {measured} of {measure} measured: "
        f"{held_out['before']['accuracy']:.3f} -> {held_out['after']['accuracy']:.3f} "
        f"({gain['low']:+.3f} to {gain['high']:+.3f}); bank {bank['before']['accuracy']:.3f} -> "
        f"{bank['after']['accuracy']:.3f}; doubtful: {len(figures['doubtful'])}"
    )


def poison(city: City, everybody: Sequence[Person]) -> None:
    """Let somebody who shifts all labels past the reviewers, and measure the models that come of it."""
    clean = next(model for model in city.store.models.all() if model.state == "in_use")
    if clean.figures is None:
        say("no model was made of what people said, so there is none to compare a poisoned one with")
        return
    rows = [row for person in everybody if person.corrects for row in person.photos if row.path not in city.kept]
    rows = [rows[number] for number in city.random.permutation(len(rows))[:POISON]]
    classes = sorted({row.label for row in rows})
    ids = (UUID(bytes=city.random.bytes(16), version=4) for _ in range(1000))
    person = Person(next(one for one in ids if not is_held_out(pseudonym(one))), "poison", rows, corrects=True)
    person.wrong = {row.path: classes[(classes.index(row.label) + 1) % len(classes)] for row in rows}
    for row in rows:
        city.tell(person, row, consent=True)
    city.review(accept=True)
    outcomes = {"without the poisoner": Figures.model_validate(clean.figures)}
    found = improving.improve(city.store, who="benchmark")  # without the poisoner there may be nothing new to learn
    improving.doubtful = lambda *_: ()  # type: ignore[attr-defined]  # what is measured without it
    blind = improving.improve(city.store, who="benchmark").figures
    assert blind is not None
    looked = (found.figures or outcomes["without the poisoner"]).model_copy(update={"doubtful": found.doubtful})
    outcomes |= {"with, and contributors are looked at": looked, "with, and they are not": blind}
    say(f"\n| {POISON} photos with shifted labels | held-out contributors | doubted |\n|---|---|---|")
    for name, figures in outcomes.items():
        scores = figures.held_out.after
        low, high = scores.accuracy_interval
        doubted = ", ".join(
            f"{'the poisoner' if one.contributor == pseudonym(person.id) else 'an honest one'} "
            f"({one.contradicted:.0%} contradicted, usual {one.usual:.0%})"
            for one in figures.doubtful
        )
        say(f"| {name} | {100 * scores.accuracy:.1f} ({100 * low:.1f} to {100 * high:.1f}) | {doubted or '-'} |")


def draw(table: dict[str, list[float]], head: Sequence[str], path: Path) -> None:
    """Draw the table."""
    from matplotlib import pyplot as plt  # noqa: PLC0415 - with --plot alone

    figure, axes = plt.subplots(figsize=(8, 4))
    for name, values in table.items():
        axes.plot(
            head,
            [100 * value for value in values],
            marker="o",
            label=name,
            linewidth=3 if name == "all of them" else 1.2,
        )
    axes.set_ylabel("right answers, %")
    axes.grid(alpha=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
