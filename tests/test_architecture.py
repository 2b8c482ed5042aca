"""The house stays as it was built: doors lead downward only, small files, quick commands."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "seqvision"
FILES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 330

# each room may use those of the levels below it, and its own
LEVELS = [
    {"rnn", "encoders", "attention"},
    {"models", "decoding", "data", "losses", "metrics", "sweeps"},
    {"optim", "callbacks", "figures", "transfer"},
    {"inference", "tasks", "checks"},
    {"cli"},
]
NEIGHBOURS = {("models", "decoding")}  # on one level: a network knows what a step has to give
# ways down that a room must do without: decoding works over anything with start() and step()
WITHOUT = {("decoding", "rnn"), ("decoding", "encoders"), ("data", "rnn"), ("losses", "rnn"), ("metrics", "rnn")}

CLEAR_OF_LIGHTNING = {"rnn", "encoders", "attention", "models", "decoding", "losses", "metrics"}
CLEAR_OF_LIGHTNING |= {"inference", "checks", "sweeps"}
EVERYWHERE = {
    "devices",
    "autocast",
    "errors",
    "files",
    "names",
    "wording",
    "signatures",
    "json_shapes",
    "digest",
    "scripts",
    "__init__",
}


def imports(file: Path) -> set[str]:
    """All modules that a file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: a relative import; write the whole name"
            found.add(node.module)
            if node.module == "seqvision":
                found |= {f"seqvision.{alias.name}" for alias in node.names if (PACKAGE / alias.name).is_dir()}
    return found


def room(file: Path) -> str:
    """The folder of the package that a file lies in, or its name at the top."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def level(name: str) -> int:
    return next(index for index, rooms in enumerate(LEVELS) if name in rooms)


def allowed(origin: str, target: str) -> bool:
    """Whether a room may use another."""
    if target in EVERYWHERE or origin == target or origin == "__main__":
        return True
    if (origin, target) in WITHOUT:
        return False
    return level(target) < level(origin) or (origin, target) in NEIGHBOURS


def test_every_room_has_its_level():
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert rooms == set.union(*LEVELS)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_doors_lead_downward_only(file):
    origin = room(file)
    for module in imports(file):
        if module.startswith("seqvision."):
            target = module.split(".")[1]
            assert allowed(origin, target), f"{file.relative_to(PACKAGE.parent)} imports {module}: not a way down"
        library = module.split(".")[0]
        if library in ("hydra", "omegaconf"):
            assert origin == "cli", f"{file}: only the command line knows the configuration"
        if library in ("pytorch_lightning", "lightning", "lightning_fabric"):
            assert origin not in CLEAR_OF_LIGHTNING, f"{file}: {origin} does without Lightning"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_files_are_short(file):
    assert len(file.read_text().splitlines()) < LONGEST


def test_the_rule_would_catch_a_wrong_door():
    assert not allowed("rnn", "models")
    assert not allowed("models", "tasks")
    assert not allowed("decoding", "data")
    assert not allowed("inference", "cli")
    assert allowed("cli", "rnn")
    assert allowed("rnn", "errors")


@pytest.mark.parametrize(
    "program",
    [
        "import seqvision, seqvision.errors, seqvision.cli",
        "from seqvision.cli import main; assert main(['--help']) == 0",
        "from seqvision.cli import main; assert main(['--version']) == 0",
        "from seqvision.cli import main; assert main(['tarin']) == 2",
        "from seqvision.cli import main; assert main(['train', '--help']) == 0",
    ],
)
def test_commands_answer_without_torch(program):
    check = "; import sys; heavy = {'torch', 'pytorch_lightning', 'timm'} & set(sys.modules); assert not heavy, heavy"
    done = subprocess.run([sys.executable, "-c", program + check], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
