"""What must be in place before the programs start."""

from __future__ import annotations

from neomon.db.engine import open_engine
from neomon.db.migrate import migrate
from neomon.settings import Settings
from neomon.stack.apply import prepare_generation
from neomon.stack.generations import Generations, read_tree
from neomon.stack.render import render


async def prepare(settings: Settings) -> None:
    """Bring the database and the configuration to the state the next start needs.

    Raises:
        ApplyError: The rendered configuration is not valid.
        InputError: A base file is broken.
    """
    migrate(open_engine(settings.data_dir))
    generations = Generations(settings.data_dir / "config")
    tree = render(settings)
    if tree != read_tree(generations.current()):
        generations.activate(await prepare_generation(settings, tree))
