"""The addon as a package: what `python -m build --wheel relance_douce` makes of it."""

import os
import shutil
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

from odoo.modules import Manifest

ADDON = Path(__file__).parents[1] / "relance_douce"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy outside git, so that files count that are not committed yet."""
    folder = tmp_path_factory.mktemp("wheel")
    source = shutil.copytree(ADDON, folder / ADDON.name, ignore=shutil.ignore_patterns("__pycache__"))
    build = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder / "dist", source],
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(folder)},
        capture_output=True,
        text=True,
    )
    assert build.returncode == 0, build.stdout + build.stderr
    (path,) = (folder / "dist").iterdir()
    return path


def test_metadata(wheel):
    version = Manifest.for_addon("relance_douce")["version"]
    assert wheel.name == f"odoo_addon_relance_douce-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"odoo_addon_relance_douce-{version}.dist-info/METADATA").decode()
    metadata = HeaderParser().parsestr(text)
    assert metadata["Name"] == "odoo-addon-relance_douce"
    assert metadata["License"] == "LGPL-3"
    assert metadata["Summary"]
    # nothing but Odoo itself, and what Odoo installs anyway
    assert [name for name in metadata.get_all("Requires-Dist") if not name.startswith("odoo==19.")] == []


def test_content(wheel):
    with zipfile.ZipFile(wheel) as archive:
        packed = {name.removeprefix("odoo/addons/relance_douce/") for name in archive.namelist()}
    wanted = {
        path.relative_to(ADDON).as_posix()
        for path in ADDON.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted - packed == {"pyproject.toml"}
    assert {name for name in packed - wanted if ".dist-info/" not in name} == set()
    manifest = Manifest.for_addon("relance_douce")
    assert set(manifest["data"]) | set(manifest["demo"]) <= packed


def test_odoo_finds_it_without_an_addons_path(wheel, tmp_path):
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
            "initialize_sys_path(); print(get_module_path('relance_douce'))",
        ],
        cwd=empty,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(found.stdout.strip()) == site / "odoo/addons/relance_douce"
