"""Asking promtool whether expressions are PromQL: all of them in one call."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from neomon.errors import MissingProgramError

_PROBLEM: Final = re.compile(r'"neomon:lint:(\d+)": (.*)')
_SECONDS: Final = 60


def invalid_expressions(expressions: Sequence[str], promtool: str = "promtool") -> dict[int, str]:
    """What is wrong with each expression that is not PromQL, by its index.

    Raises:
        MissingProgramError: promtool is not installed or did not do its work.
    """
    if not expressions:
        return {}
    program = shutil.which(promtool)
    if program is None:
        raise MissingProgramError(f"{promtool} is not installed; it comes with the Debian package prometheus")
    rules = [{"record": f"neomon:lint:{index}", "expr": text} for index, text in enumerate(expressions)]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "expressions.yml"
        # JSON is YAML, and needs no thought about quoting.
        path.write_text(json.dumps({"groups": [{"name": "lint", "rules": rules}]}), encoding="utf-8")
        answer = subprocess.run(
            [program, "check", "rules", str(path)], capture_output=True, text=True, timeout=_SECONDS
        )
    problems = {int(index): message.strip() for index, message in _PROBLEM.findall(answer.stdout + answer.stderr)}
    if answer.returncode and not problems:
        raise MissingProgramError(f"{promtool} could not check the expressions: {answer.stderr.strip()}")
    return problems
