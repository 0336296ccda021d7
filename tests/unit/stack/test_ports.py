import os
import socket
from pathlib import Path

import pytest

from neomon.errors import ConflictError, MissingProgramError
from neomon.stack.catalog import require_installed
from neomon.stack.ports import is_free, require_free
from neomon.stack.program import Program


def test_a_taken_port_is_reported_with_its_holder() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        program = Program("prometheus", ("prometheus",), Path("/"), address=address)
        assert not is_free(address)
        with pytest.raises(ConflictError) as caught:
            require_free([program])
    assert address in str(caught.value)
    assert f"pid {os.getpid()}" in str(caught.value)
    require_free([program])


def test_a_missing_program_is_named_with_its_package() -> None:
    programs = [
        Program("a", ("sh",), Path("/"), package="dash"),
        Program("b", ("no-such-exporter",), Path("/"), package="prometheus-no-such-exporter"),
    ]
    with pytest.raises(MissingProgramError, match="apt-get install prometheus-no-such-exporter") as caught:
        require_installed(programs)
    assert "dash" not in str(caught.value)
