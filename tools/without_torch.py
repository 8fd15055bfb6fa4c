"""Show that photos are looked over, and a model is taught and measured, where no torch is installed.

Makes an environment of its own and runs the four commands in it, on photos made on the spot and the model that ships::

    python tools/without_torch.py [PYTHON]

`photos check` and `photos fetch` run with the extra [data] alone, `teach` and `evaluate` with [teach].
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from fresh import ROOT, Environment, Served

MODEL = ROOT / "src" / "ecosorter" / "models" / "ecosorter"
NEVER = ("torch", "transformers", "lightning", "imblearn", "wandb")


def main() -> None:
    """Install, run, and say so; the exit code is 1 where a command does not do what it should."""
    with TemporaryDirectory() as name:
        place = Path(name)
        fresh = Environment(place, *sys.argv[1:2])
        fresh.install(f"{ROOT}[data]")
        fresh.make_photos("own")
        few = (1,)  # photos need attention
        fresh.run(["ecosorter", "photos", "check", "own", "--classes", "own", "--html", "page.html"], exit_codes=few)
        with Served(place) as options:
            fresh.run(["ecosorter", "photos", "fetch", "trashnet", "fetched", *options])
        fresh.run(["ecosorter", "evaluate", MODEL, "own"], exit_codes=(2,), says="ecosorter[teach]")
        fresh.install("ecosorter[teach]")
        fresh.run(["ecosorter", "teach", "own", "--out", "taught"])
        fresh.run(["ecosorter", "evaluate", "taught", "own", "--classes", "own"])
        fresh.run(["ecosorter", "train", "own"], exit_codes=(2,), says="ecosorter[train]")
        probe = f"import importlib.util as u; print([n for n in {NEVER!r} if u.find_spec(n)])"
        if (found := fresh.run(["python", "-c", probe]).strip()) != "[]":
            sys.exit(f"The environment without torch has {found}")
    print("photos check, photos fetch, teach and evaluate need no torch")


if __name__ == "__main__":
    main()
