"""What stands in `deploy/`, read."""

from typing import Any

import yaml

from tests.documents import ROOT

COMPOSE = ROOT / "deploy/compose.yaml"
NGINX = (ROOT / "deploy/nginx.conf").read_text(encoding="utf-8")
CONTAINERFILE = (ROOT / "deploy/Containerfile").read_text(encoding="utf-8")

compose: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
MANIFESTS: dict[str, Any] = {
    path.name: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "deploy/kubernetes").glob("*.yaml"))
}
