"""Fetch, check and unpack what sources.lock pins: ``python3 mpconfig/sources.py NAME...``, or all of them.

The archives are Debian source packages, fetched by apt through whatever archive, proxy and keys this machine is
configured with: a deb-src entry is derived from its own entry for the Debian release that it runs, and lives, with
package lists and downloads, in build/apt. Nothing outside build/ is touched and no root rights are needed. Each
archive is checked against its SHA-256 before it is unpacked into build/src/NAME; a tree that is already there
from the same archive stays. Left out: Debian's own patches.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = Path(__file__).with_name("sources.lock")
APT = ROOT / "build/apt"
DOWNLOADS = APT / "downloads"
SOURCES = ROOT / "build/src"
STAMP = ".archive-sha256"


class SourcesError(Exception):
    """A sentence for the user."""


def release() -> str:
    """Code name of the Debian release that this machine runs."""
    for line in Path("/etc/os-release").read_text().splitlines():
        key, _, value = line.partition("=")
        if key == "VERSION_CODENAME":
            return value.strip('"')
    raise SourcesError("this machine does not say which Debian release it runs")


def deb822(text: str) -> list[dict[str, str]]:
    """The stanzas of a ``.sources`` file."""
    stanzas = []
    for block in re.split(r"\n\s*\n", text):
        stanza: dict[str, str] = {}
        key = ""
        for line in block.splitlines():
            if line.startswith("#"):
                continue
            if line[:1].isspace() and key:
                stanza[key] += "\n" + line
            elif ":" in line:
                key, _, value = line.partition(":")
                stanza[key] = value.strip()
        stanzas.append(stanza)
    return stanzas


def one_line(text: str) -> list[dict[str, str]]:
    """The entries of a ``.list`` file, as stanzas."""
    stanzas = []
    for line in text.splitlines():
        match = re.match(r"deb(?:-src)?\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)\s+(.+)", line)
        if match:
            stanza = {"URIs": match[2], "Suites": match[3], "Components": match[4]}
            for option in (match[1] or "").split():
                key, _, value = option.partition("=")
                if key.lower() == "signed-by":
                    stanza["Signed-By"] = value
            stanzas.append(stanza)
    return stanzas


def archive_entry() -> dict[str, str]:
    """The entry through which this machine gets Debian itself."""
    etc = Path("/etc/apt")
    stanzas = []
    for path in sorted(etc.glob("sources.list.d/*.sources")):
        stanzas += deb822(path.read_text())
    for path in [etc / "sources.list", *sorted(etc.glob("sources.list.d/*.list"))]:
        if path.exists():
            stanzas += one_line(path.read_text())
    name = release()
    for stanza in stanzas:
        if stanza.get("Enabled", "yes").lower() != "no" and name in stanza.get("Suites", "").split():
            return stanza
    raise SourcesError(f"apt is not configured for Debian {name}: use MPY_DIR= and MBEDTLS_DIR=")


def apt_get(*arguments: str) -> None:
    """Runs apt-get on the private state. Raises SourcesError with what it said."""
    for folder in ("sources", "lists/partial", "cache/archives/partial", "downloads"):
        (APT / folder).mkdir(parents=True, exist_ok=True)
    options = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": str(APT / "sources"),
        "Dir::State::lists": str(APT / "lists"),
        "Dir::Cache": str(APT / "cache"),
        # These directories are the user's own, so apt's unprivileged downloader could not write there.
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
    }
    command = ["apt-get", "-qq"]
    for key, value in options.items():
        command += ["-o", f"{key}={value}"]
    command += arguments
    done = subprocess.run(command, cwd=DOWNLOADS, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise SourcesError(f"apt-get {' '.join(arguments)} failed:\n{done.stderr.strip() or done.stdout.strip()}")


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download(wanted: list[dict[str, str]]) -> None:
    """Gets the archives that are not there yet into build/apt/downloads."""
    if shutil.which("apt-get") is None:
        raise SourcesError("there is no apt-get here: name source trees by MPY_DIR= and MBEDTLS_DIR=")
    entry = archive_entry()
    folder = APT / "sources"
    folder.mkdir(parents=True, exist_ok=True)
    stanzas = []
    for suite in sorted({source["suite"] for source in wanted}):
        lines = ["Types: deb-src", f"URIs: {entry['URIs']}", f"Suites: {suite}", "Components: main"]
        if "Signed-By" in entry:
            lines.append(f"Signed-By: {entry['Signed-By']}")
        stanzas.append("\n".join(lines) + "\n")
    (folder / "debian.sources").write_text("\n".join(stanzas))
    apt_get("update")
    for source in wanted:
        apt_get("source", "--download-only", "--tar-only", source["package"])
        if not (DOWNLOADS / source["archive"]).exists():
            raise SourcesError(
                f"{source['suite']} no longer has {source['archive']}: pin another version in {LOCK.name}, "
                "or name a source tree by MPY_DIR= or MBEDTLS_DIR="
            )


def unpack(name: str, source: dict[str, str]) -> None:
    """Checks an archive and unpacks it into build/src/NAME, all or nothing."""
    path = DOWNLOADS / source["archive"]
    found = sha256(path)
    if found != source["sha256"]:
        path.unlink()
        raise SourcesError(f"{source['archive']} has SHA-256 {found}, not the pinned {source['sha256']}")
    target = SOURCES / name
    fresh = SOURCES / (name + ".new")
    for old in (target, fresh):
        shutil.rmtree(old, ignore_errors=True)
    fresh.mkdir(parents=True)
    with tarfile.open(path) as archive:
        # Python 3.11.3 and older lack the filter; what is unpacked has the pinned checksum.
        archive.extractall(fresh, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    tops = list(fresh.iterdir())
    if len(tops) != 1 or not tops[0].is_dir():
        raise SourcesError(f"{source['archive']} does not hold one directory")
    (tops[0] / STAMP).write_text(source["sha256"] + "\n")
    tops[0].rename(target)
    fresh.rmdir()
    print(f"{name} {source['version']}: {target.relative_to(ROOT)}")


def is_unpacked(name: str, source: dict[str, str]) -> bool:
    stamp = SOURCES / name / STAMP
    return stamp.exists() and stamp.read_text().strip() == source["sha256"]


def main(names: list[str]) -> None:
    lock = tomllib.loads(LOCK.read_text())
    unknown = [name for name in names if name not in lock]
    if unknown:
        raise SourcesError(f"{LOCK.name} has no {', '.join(unknown)}")
    todo = {name: lock[name] for name in names or lock if not is_unpacked(name, lock[name])}
    missing = [source for source in todo.values() if not (DOWNLOADS / source["archive"]).exists()]
    if missing:
        download(missing)
    for name, source in todo.items():
        unpack(name, source)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (SourcesError, OSError, tarfile.TarError) as error:
        sys.exit(f"sources: {error}")
