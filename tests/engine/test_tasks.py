import subprocess
import sys

import pytest

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine")]


def test_every_task_of_the_table_exists() -> None:
    script = (
        "from importlib import import_module\n"
        "from inference.tasks import TASKS\n"
        "for place in TASKS.values():\n"
        "    module, _, name = place.partition(':')\n"
        "    assert callable(getattr(import_module(module), name)), place\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
