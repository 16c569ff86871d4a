"""Fetch the page's libraries and write them to its folder: `make vendor`.

`npm pack` fetches the packages. The files get relative imports, since the page's policy allows no
import map, and no source maps. `SHA256SUMS` lists what was written; a test compares it.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from tests.docs.shown import ROOT

FOLDER: Final = ROOT / "millracer" / "serve" / "page" / "vendor"
SUMS: Final = "SHA256SUMS"
#: By package: the files to take, and their names here.
PACKAGES: Final = {
    "preact@11.2.0": {
        "dist/preact.mjs": "preact.js",
        "hooks/dist/hooks.mjs": "hooks.js",
        "LICENSE": "preact.LICENSE",
    },
    "htm@3.1.1": {"dist/htm.mjs": "htm.js", "LICENSE": "htm.LICENSE"},
}


def main(npm: str) -> None:
    """Write all files and the list of their hashes."""
    FOLDER.mkdir(exist_ok=True)
    for package, files in PACKAGES.items():
        with tempfile.TemporaryDirectory(prefix="millracer-vendor-") as folder:
            archive = pack(npm, package, Path(folder))
            for source, name in files.items():
                (FOLDER / name).write_bytes(adapt(archive[f"package/{source}"]))
    (FOLDER / SUMS).write_text(sums(FOLDER), encoding="ascii")


def pack(npm: str, package: str, folder: Path) -> dict[str, bytes]:
    """Fetch a package and return its files by name."""
    subprocess.run(
        (npm, "pack", package, "--silent", "--pack-destination", str(folder)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as opened:
        members = [each for each in opened.getmembers() if each.isfile()]
        return {each.name: opened.extractfile(each).read() for each in members}


def adapt(content: bytes) -> bytes:
    """Return a module with a relative import and without the line that names its source map."""
    lines = content.replace(b'from"preact"', b'from"./preact.js"').splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith(b"//# sourceMappingURL"))


def sums(folder: Path) -> str:
    """Return the hashes as `sha256sum --check` reads them."""
    files = sorted(path for path in folder.iterdir() if path.name != SUMS)
    return "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files
    )


if __name__ == "__main__":
    main(sys.argv[1])
