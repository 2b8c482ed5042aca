"""Compiles a C++ source to a library of torch operators, once a machine, and loads it."""

import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from filelock import FileLock, Timeout

FLAGS = ["-O3", "-std=c++20", "-fno-math-errno", "-fno-trapping-math", "-fopenmp", "-fPIC", "-shared"]
# the instructions that torch itself was found to use here, rather than all that this one machine has: the machines of
# a cluster share a home
MARCH = {"AVX2": ["-march=x86-64-v3"], "AVX512": ["-march=x86-64-v4", "-mprefer-vector-width=512"]}
SOURCES = Path(__file__).parent


@functools.cache
def load(name: str) -> str | None:
    """Makes the operators of `name`.cpp known to torch; None, or in one line why that cannot be.

    The library is kept under the hash of its sources, the flags and torch's version, so that it is compiled again when
    one of them changes. It appears there whole or not at all; of processes that need it at once one compiles, and the
    others wait.
    """
    source = SOURCES / f"{name}.cpp"
    flags = FLAGS + MARCH.get(torch.backends.cpu.get_cpu_capability(), [])
    texts = [file.read_text() for file in (source, *sorted(SOURCES.glob("*.h")))]
    key = hashlib.sha256(repr((texts, flags, torch.__version__)).encode()).hexdigest()[:16]
    library = kernel_folder() / f"{name}-{key}.so"
    try:
        if library.exists() and _loads(library):
            return None
        if (command := compiler()) is None:
            return "no C++ compiler on the PATH (install g++, or name one in CXX)"
        library.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _alone(library):
            if not (library.exists() and _loads(library)):  # made while this process waited
                _compile(command, flags, source, library)
                torch.ops.load_library(library)
    except subprocess.CalledProcessError as error:
        first = next((line for line in error.stderr.splitlines() if "error" in line), error.stderr[:200])
        return f"the compiler {error.cmd[0]} failed: {first.strip()}"
    except OSError as error:
        return f"what was compiled cannot be kept or loaded: {error}"
    return None


def kernel_folder() -> Path:
    """Where compiled libraries are kept: $SEQVISION_KERNELS, or a folder in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seqvision" / "kernels"
    return Path(os.environ.get("SEQVISION_KERNELS") or cache)


def compiler() -> str | None:
    """The C++ compiler: $CXX, or the first of the usual ones on the PATH."""
    return next(filter(None, map(shutil.which, filter(None, (os.environ.get("CXX"), "c++", "g++", "clang++")))), None)


@contextmanager
def _alone(library: Path) -> Iterator[None]:
    """One process at a time, where the file system knows locks; after five minutes, or without them, all at once."""
    lock = FileLock(library.with_suffix(".lock"))
    try:
        lock.acquire(timeout=300)
    except (Timeout, OSError, NotImplementedError):
        yield
        return
    try:
        yield
    finally:
        lock.release()


def _loads(library: Path) -> bool:
    """Whether the library could be loaded; a broken one, or one of another system, is made again."""
    try:
        torch.ops.load_library(library)
    except OSError:
        return False
    return True


def _compile(command: str, flags: list[str], source: Path, library: Path) -> None:
    folder = Path(torch.__file__).parent
    paths = [f"-I{folder}/include", f"-I{folder}/include/torch/csrc/api/include", f"-L{folder}/lib"]
    print(f"seqvision: compiling {source.name} (once, ten to twenty seconds)", file=sys.stderr, flush=True)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=library.parent) as draft:
        made = Path(draft) / library.name
        subprocess.run(
            [command, *flags, *paths, str(source), "-o", str(made), "-ltorch_cpu", "-lc10"],
            check=True,
            capture_output=True,
            text=True,
        )
        made.replace(library)
    print(f"seqvision: compiled in {time.perf_counter() - begun:.0f} s: {library}", file=sys.stderr, flush=True)
