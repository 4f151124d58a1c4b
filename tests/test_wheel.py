"""The addons as packages: what `python -m build --wheel` makes of each."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

from odoo.modules import Manifest

ROOT = Path(__file__).parents[1]
ADDONS = sorted(manifest.parent.name for manifest in ROOT.glob("*/__manifest__.py"))
#: addons of others that one of ours joins
JOINED = ["queue_job"]


@pytest.fixture(scope="module", params=ADDONS)
def addon(request):
    return request.param


@pytest.fixture(scope="module")
def wheel(addon, tmp_path_factory):
    """Built from a copy outside git, so that files count that are not committed yet."""
    folder = tmp_path_factory.mktemp("wheel")
    source = shutil.copytree(ROOT / addon, folder / addon, ignore=shutil.ignore_patterns("__pycache__"))
    build = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder / "dist", source],
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(folder)},
        capture_output=True,
        text=True,
    )
    assert build.returncode == 0, build.stdout + build.stderr
    (path,) = (folder / "dist").iterdir()
    return path


def test_metadata(addon, wheel):
    version = Manifest.for_addon(addon)["version"]
    assert wheel.name == f"odoo_addon_{addon}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"odoo_addon_{addon}-{version}.dist-info/METADATA").decode()
    metadata = HeaderParser().parsestr(text)
    assert metadata["Name"] == f"odoo-addon-{addon}"
    assert metadata["License"] == "LGPL-3"
    assert metadata["Summary"]
    # nothing but Odoo itself, what Odoo installs anyway, our own, and what they join
    others = [name for name in metadata.get_all("Requires-Dist") if not name.startswith("odoo==19.")]
    ours = [name for name in sorted(ADDONS + JOINED) if name in Manifest.for_addon(addon)["depends"]]
    assert [re.split("[=<>!~; ]", name)[0] for name in others] == [f"odoo-addon-{name}" for name in ours]


def test_content(addon, wheel):
    with zipfile.ZipFile(wheel) as archive:
        packed = {name.removeprefix(f"odoo/addons/{addon}/") for name in archive.namelist()}
    wanted = {
        path.relative_to(ROOT / addon).as_posix()
        for path in (ROOT / addon).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted - packed == {"pyproject.toml"}
    assert {name for name in packed - wanted if ".dist-info/" not in name} == set()
    manifest = Manifest.for_addon(addon)
    assert set(manifest["data"]) | set(manifest["demo"]) <= packed


def test_odoo_finds_it_without_an_addons_path(addon, wheel, tmp_path):
    site, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    environment = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{os.environ['PYTHONPATH']}"}
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", site, wheel],
        check=True,
        capture_output=True,
    )
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            "from odoo.modules.module import get_module_path, initialize_sys_path;"
            f"initialize_sys_path(); print(get_module_path({addon!r}))",
        ],
        cwd=empty,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(found.stdout.strip()) == site / "odoo/addons" / addon
