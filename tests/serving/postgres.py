"""A PostgreSQL server of Debian's package, for the time of the tests, on a socket in a folder of its own."""

import glob
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def program(name: str) -> str | None:
    """Return the path of one of PostgreSQL's programs; Debian does not put them on the PATH."""
    debian = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))  # noqa: PTH207
    return shutil.which(name) or (debian[-1] if debian else None)


def why_not() -> str | None:
    """Return why no server can be started here, None when one can."""
    if not (program("initdb") and program("pg_ctl")):
        return "PostgreSQL is not installed (apt-get install postgresql)"
    if os.getuid() == 0 and not (_user() and shutil.which("runuser")):
        return "PostgreSQL does not run as root, and there is no user 'postgres'"
    return None


@contextmanager
def server() -> Iterator[str]:
    """Yield the folder of the running server's socket: ``postgresql://postgres@/postgres?host=FOLDER`` is its URL."""
    folder = Path(tempfile.mkdtemp(prefix="ecosorter-postgres-"))  # pytest's folders are closed to other users
    if os.getuid() == 0 and (user := _user()):
        os.chown(folder, user.pw_uid, user.pw_gid)
    data = str(folder / "data")
    # Durability is switched off: the tests kill EcoSorter, never PostgreSQL.
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
    try:
        _run("initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")
        _run("pg_ctl", "-D", data, "-l", str(folder / "log"), "-o", options, "-w", "start")
        try:
            yield str(folder)
        finally:
            _run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _user() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return None


def _run(name: str, *arguments: str) -> None:
    command = [program(name) or name, *arguments]
    if os.getuid() == 0:
        command = ["runuser", "-u", "postgres", "--", *command]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")
