"""Shared by the conformance tests. TRENCADIS: the launcher; TRENCADIS_FIXTURES: another place of the fixtures."""
import os
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[3] / "tools" / "scripts")]


@pytest.fixture(scope="session")
def launcher():
    path = os.environ.get("TRENCADIS")
    if not path:
        pytest.skip("TRENCADIS does not name the launcher")
    return os.path.abspath(path)


@pytest.fixture(scope="session")
def workplace(tmp_path_factory):
    return tmp_path_factory.mktemp("conformance")
