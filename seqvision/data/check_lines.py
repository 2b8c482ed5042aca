"""Lines of text that the checks' reports have in common."""

from collections.abc import Iterable, Mapping, Sequence


def listed(lists: Mapping[str, Sequence[str]], *, shown: int) -> list[str]:
    """Each list that is not empty under its title with its length, cut to its first entries."""
    lines = []
    for title, entries in lists.items():
        if entries:
            lines += [f"{title}: {len(entries)}", *(f"  {entry}" for entry in entries[:shown])]
            lines += [f"  … and {len(entries) - shown} more"] if len(entries) > shown else []
    return lines


def leak_lines(leaks: Sequence[Mapping[str, str]]) -> list[str]:
    """What lies in several splits: each by name with its split."""
    return [" = ".join(f"{name} ({split})" for name, split in group.items()) for group in leaks]


def table_lines(
    title: str, counts: Mapping[str, Mapping[str, int]], *, shown: int, by_number: bool = True
) -> list[str]:
    """A row a name with its number in each split, {split: {name: number}}; the commonest first, or as they come."""
    total: dict[str, int] = {}
    for split in counts.values():
        for name, number in split.items():
            total[name] = total.get(name, 0) + number
    names = (sorted(total, key=lambda name: -total[name]) if by_number else list(total))[:shown]
    if not names:
        return []
    width = min(30, max(len(name) for name in [title, *names]))
    rows = [[title, *counts], *([name, *(str(split.get(name, 0)) for split in counts.values())] for name in names)]
    lines = [f"  {row[0]:<{width + 6}}" + "".join(f"{cell:>10}" for cell in row[1:]) for row in rows]
    return lines + ([f"  … and {len(total) - shown} more"] if len(total) > shown else [])


def lacking(splits: Iterable[str]) -> list[str]:
    """What `seqvision evaluate` will lack, as sentences."""
    if "test" in splits:
        return []
    return [
        "no test split: `seqvision evaluate` will ask for one, or for --split val, on which the best epoch was chosen; "
        "keep some apart with data.splits.test, or in the data"
    ]


def verdict(ok: bool) -> str:
    """The report's last line."""
    return "ready to train" if ok else "look into this before training: see above"
