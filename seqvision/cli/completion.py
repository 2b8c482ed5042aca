"""What the shell asks for on <Tab>: commands, then the groups, choices and keys of `seqvision train`, or the encoders.

`seqvision train --shell-completion install=bash` prints Hydra's script, which knows programs without commands and asks
`seqvision -sc query=bash` for words; the command is taken out of the line here.
"""

import os

from seqvision.cli import encoders, train


def complete(query: list[str], commands: list[str]) -> int:
    """Prints the words that fit the line being typed (COMP_LINE up to COMP_POINT)."""
    line = os.environ.get("COMP_LINE", "")
    words = line[: int(os.environ.get("COMP_POINT", len(line)))].split(" ")
    if len(words) <= 2:
        print(" ".join(command for command in commands if command.startswith(words[-1] if len(words) == 2 else "")))
        return 0
    if words[1] == "encoders":
        print(" ".join(name for name in encoders.choices() if name.startswith(words[-1])))
        return 0
    if words[1] != "train":
        return 0  # files, which the shell completes by itself
    rest = " ".join([words[0], *words[2:]])
    os.environ["COMP_LINE"], os.environ["COMP_POINT"] = rest, str(len(rest))
    return train.main(["-sc", *query])
