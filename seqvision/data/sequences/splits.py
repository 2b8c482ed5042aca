"""Who trains, who validates, who tests: whole groups (a subject, a day, a video), or blocks of one long sequence."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from seqvision.data.formats.rows import did_you_mean
from seqvision.data.sequences.blocks import cut_in_blocks
from seqvision.data.sequences.records import SequenceRecord
from seqvision.data.splits import SPLITS, check_shares, hashed_split
from seqvision.errors import SettingError, UserError
from seqvision.names import Name, all_meant
from seqvision.signatures import arguments_of, expected_by, fits
from seqvision.wording import counted, some_of

_FEW = 10  # groups that are called by their names


@dataclass(frozen=True)
class SplitRule:
    """How sequences are split; the config entries `data.splits.*`.

    val, test     shares of the groups (of the blocks, where there are blocks) that are drawn
    seed          another seed draws others
    group         a regular expression on a sequence's id: what it matches (or its first bracket) is the group, of which
                  no two splits have a share; by default what the data set says, else every sequence by itself
    test_groups, val_groups   groups by name, to leave one out; what is not named is drawn from the rest
    folds, fold   so many parts of what is not test, of which part `fold` (from 1) validates instead of a drawn share: a
                  network for each fold, and every training sequence validates once
    blocks        cut every sequence into so many blocks and split these: for one or few long sequences
    gap           what is left out between blocks of different splits: frames, or seconds as "2s"
    """

    val: int | float = 0.1
    test: int | float = 0.1
    seed: int = 0
    group: str | None = None
    test_groups: Sequence[Name] = ()
    val_groups: Sequence[Name] = ()
    folds: int | None = None
    fold: int = 1
    blocks: int | None = None
    gap: int | float | str = 0

    def __post_init__(self) -> None:
        check_shares(self.val, self.test)
        if self.blocks is not None and self.blocks < 2:
            raise UserError(f"data.splits.blocks={self.blocks}: expected 2 or more, or null for whole sequences")
        if self.blocks is None and self.gap not in (0, "0"):
            raise UserError(
                f"data.splits.gap={self.gap} has no effect without data.splits.blocks: whole sequences have no gap "
                "between them. Set data.splits.blocks=10, or remove data.splits.gap"
            )
        if self.folds is None and self.fold != 1:
            raise UserError(
                f"data.splits.fold={self.fold} has no effect without data.splits.folds. Set the number of folds, e.g. "
                f"data.splits.folds={max(self.fold, 5)}, or remove data.splits.fold"
            )
        if self.blocks and (self.test_groups or self.val_groups):
            raise UserError("data.splits: blocks and test_groups or val_groups exclude each other. Leave out one.")
        if self.folds is not None and not (self.folds > 1 and 1 <= self.fold <= self.folds):
            raise UserError(
                f"data.splits: folds={self.folds} and fold={self.fold}, expected two folds or more, and which of them "
                "validates, from 1"
            )
        if self.folds and (self.blocks or self.val_groups):
            raise UserError("data.splits: folds, and blocks or val_groups, exclude each other. Leave out one.")


def split_rule(settings: Mapping[str, Any] | None) -> SplitRule:
    """The rule of the config entries `data.splits.*`. SettingError for a value of a wrong kind."""
    hints = arguments_of(SplitRule)[0]
    for name, found in (settings or {}).items():
        if name in hints and not fits(found, hints[name]):
            raise SettingError(f"data.splits.{name}", found, expected_by(hints[name], found))
    return SplitRule(**(settings or {}))


def split_sequences(
    records: Sequence[SequenceRecord],
    rule: SplitRule | None = None,
    *,
    rates: Sequence[int | float | None] | None = None,
) -> tuple[list[SequenceRecord], list[str]]:
    """The records with their splits and groups, and what a person should know about how they were made.

    Blocks and groups by name, where the rule asks for them; else the splits that the data set brings, with a val drawn
    from its train where it has none; else whole groups by their names' hash. Sequences without any label are left to
    train. `rates`: each record's frames a second, for a gap in seconds. UserError if a group has a share in two splits,
    or if a split comes out empty.
    """
    rule = rule or SplitRule()
    if not records:
        raise UserError("no sequences to split: the data set is empty. Correct data.path.")
    records = _grouped(records, rule.group)
    own = Counter(record.split for record in records)
    asked = "blocks" if rule.blocks else "test_groups" if rule.test_groups else "val_groups" if rule.val_groups else ""
    brought = set(own) != {None} and not asked
    notes = []
    if asked and set(own) != {None}:
        notes.append(f"splits: the data set's own ({_counts(own)}) are not used, data.splits.{asked} says otherwise")
    if rule.blocks:
        made, made_notes = cut_in_blocks(
            records, rule.blocks, val=rule.val, test=rule.test, seed=rule.seed, gap=rule.gap, rates=rates
        )
    elif asked:
        made, made_notes = _by_name(records, rule)
    elif brought:
        made, made_notes = _own(records, own, rule)
    else:
        made, made_notes = _by_hash(records, rule)
    if not rule.blocks:
        _check_groups(made)
    _check_shares(made, rule, SPLITS[:2] if brought or not (rule.test or rule.test_groups) else SPLITS)
    return made, notes + made_notes


def _grouped(records: Sequence[SequenceRecord], pattern: str | None) -> list[SequenceRecord]:
    """The records with a group each: by the pattern, else as the data set says, else their own id."""
    if pattern is None:
        return [record if record.group is not None else replace(record, group=record.id) for record in records]
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UserError(f"data.splits.group='{pattern}': not a regular expression ({error}). Correct it.") from None
    grouped = []
    for record in records:
        match = compiled.search(record.id)
        if match is None:
            raise UserError(
                f"data.splits.group='{pattern}': does not match '{record.id}'. It must find the group in the name of "
                "every sequence, e.g. 'data.splits.group=\"^[^_]+\"' for what stands before the first underscore."
            )
        grouped.append(replace(record, group=match.group(1) if compiled.groups else match.group()))
    return grouped


def _by_hash(records: list[SequenceRecord], rule: SplitRule) -> tuple[list[SequenceRecord], list[str]]:
    """Whole groups by the hash of their names; of few groups one is moved into each split that came out empty."""
    groups = _labelled_groups(records)
    shares = {"val": 0.0 if rule.folds else rule.val, "test": rule.test}
    chosen = {group: hashed_split(group, **shares, seed=rule.seed) for group in groups}
    needed = {"train": True, "val": not rule.folds, "test": rule.test > 0}
    moved = []
    for name in [name for name in SPLITS if needed[name]]:
        (commonest, count), *_ = Counter(chosen.values()).most_common(1) or [("", 0)]
        if name not in chosen.values() and count > 1:
            group = min((group for group in chosen if chosen[group] == commonest), key=lambda g: _place(g, rule.seed))
            chosen[group] = name
            moved.append(f"'{group}' to {name}")
    if rule.folds:  # after test is settled, so that it is the same for every fold
        rest = [group for group in groups if chosen[group] == "train"]
        chosen.update(dict.fromkeys(_validating(rest, rule), "val"))
    notes = []
    if moved:
        notes.append(
            f"splits: {counted(len(groups), 'group')} are few for data.splits.val={rule.val} and "
            f"data.splits.test={rule.test}, so that empty splits got one each: {', '.join(moved)}"
        )
    return [replace(record, split=chosen.get(record.group or "", "train")) for record in records], notes


def _by_name(records: list[SequenceRecord], rule: SplitRule) -> tuple[list[SequenceRecord], list[str]]:
    """Named groups to test and val; where one of these has no names, its share is drawn from the rest."""
    groups = list(dict.fromkeys(record.group or "" for record in records))
    named: dict[str, str] = {}
    for name, wanted in (("test", rule.test_groups), ("val", rule.val_groups)):
        for group in all_meant(wanted, groups):
            if group not in groups:
                raise UserError(
                    f"data.splits.{name}_groups: no group '{group}' (found: {some_of(groups)})"
                    f"{did_you_mean(group, groups)}. A group is what data.splits.group finds in a sequence's name."
                )
            if named.setdefault(group, name) != name:
                raise UserError(f"data.splits: group '{group}' is in test_groups and in val_groups. Leave it in one.")
    rest = [group for group in _labelled_groups(records) if group not in named]
    notes = []
    for name, share, wanted in (("test", rule.test, rule.test_groups), ("val", rule.val, rule.val_groups)):
        if not wanted and share > 0:
            drawn = _validating(rest, rule) if name == "val" else _share(rest, share, rule.seed)
            named.update(dict.fromkeys(drawn, name))
            rest = [group for group in rest if group not in drawn]
            notes.append(f"splits: {name} drawn from the groups that no list names: {_listed(drawn, len(groups))}")
    return [replace(record, split=named.get(record.group or "", "train")) for record in records], notes


def _own(records: list[SequenceRecord], own: Mapping, rule: SplitRule) -> tuple[list[SequenceRecord], list[str]]:
    """The data set's own splits, with a val drawn from the groups of its train where it has none."""
    silent = [record.id for record in records if record.split is None]
    if silent:
        raise UserError(
            f"no split for {len(silent)} of {counted(len(records), 'sequence')}, e.g. '{silent[0]}', though the others "
            f"have one ({_counts(own)}). Fill in the rest, or remove the splits to have them drawn."
        )
    if not own.get("train") or (own.get("val") and not rule.folds):
        return records, []
    if rule.folds:  # who validates is drawn anew
        records = [replace(record, split="train") if record.split == "val" else record for record in records]
    training = [record for record in records if record.split == "train"]
    groups = _labelled_groups(training)
    if len(groups) < 2:
        raise UserError(
            "the data set's own splits have no val, and one cannot be drawn from train, which has one group only "
            f"({some_of(groups)}). Set data.splits.group to a pattern that tells the sequences apart, or "
            "data.splits.blocks=10."
        )
    drawn = set(_validating(groups, rule))
    made = [
        replace(record, split="val") if record.split == "train" and record.group in drawn else record
        for record in records
    ]
    moved = sum(record.split == "val" for record in made)
    by, why = f"data.splits.val={rule.val}", "the data set brings no val"
    if rule.folds:
        by, why = f"data.splits.folds={rule.folds}, data.splits.fold={rule.fold}", "val is one of the folds of train"
    return made, [
        f"splits: {why}; {moved} of {counted(len(training), 'training sequence')} drawn for it by "
        f"group ({by}, data.splits.seed={rule.seed}): {_listed(sorted(drawn), len(groups))}"
    ]


def _check_groups(records: Iterable[SequenceRecord]) -> None:
    """UserError if a group has a share in two splits."""
    seen: dict[str | None, SequenceRecord] = {}
    for record in records:
        first = seen.setdefault(record.group, record)
        if first.split != record.split:
            raise UserError(
                f"group '{record.group}' is in two splits: '{first.id}' in {first.split}, '{record.id}' in "
                f"{record.split}, so that the scores would be of somebody who was trained on. Correct the splits, or "
                "set data.splits.group to the pattern that names the groups (data.splits.group=.+ for every "
                "sequence by itself)."
            )


def _check_shares(records: Sequence[SequenceRecord], rule: SplitRule, needed: Sequence[str]) -> None:
    """UserError if a split that must be there has no sequence, or none with a label."""
    counts = Counter(dict.fromkeys(SPLITS, 0))
    counts.update(record.split for record in records if record.split)
    labelled = {record.split for record in records if is_labelled(record)}
    groups = len({record.group for record in records})
    for name in needed:
        if counts[name] and (not labelled or name in labelled):
            continue
        if not counts[name]:
            sequences, of = counted(len(records), "sequence"), counted(groups, "group")
            found = f"the split '{name}' is empty: {sequences} in {of} gave {_counts(counts)}"
        else:
            found = f"the split '{name}' has no labelled frame in its {counted(counts[name], 'sequence')}"
        raise UserError(
            f"{found}. Add sequences, name groups (data.splits.{name}_groups=[…]; for train fewer of the others), set "
            "another data.splits.seed, or split within the sequences with data.splits.blocks=10 data.splits.gap=2s"
            + (". Without a test set: data.splits.test=0" if name != "train" and rule.test > 0 else "")
            + "."
        )


def is_labelled(record: SequenceRecord) -> bool:
    """Whether anybody said anything about the sequence or one of its frames."""
    return record.label is not None or (record.labels is not None and bool((record.labels >= 0).any()))


def _labelled_groups(records: Sequence[SequenceRecord]) -> list[str]:
    """The groups in which something has a label, in order; all groups where nothing has one."""
    some = [record for record in records if is_labelled(record)] or records
    return list(dict.fromkeys(record.group or "" for record in some))


def _place(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{name}#{seed}".encode()).digest()


def _validating(groups: Sequence[str], rule: SplitRule) -> list[str]:
    """Those of the groups, none of them in test, that validate: a fold, or a share."""
    if rule.folds is None:
        return _share(groups, rule.val, rule.seed)
    if len(groups) < rule.folds:
        raise UserError(
            f"data.splits.folds={rule.folds}: {counted(len(groups), 'group')} outside test ({some_of(groups)}); set "
            f"{len(groups)} folds or fewer, or data.splits.group to a pattern that tells more groups apart"
        )
    return _ranked(groups, rule.seed)[rule.fold - 1 :: rule.folds]


def _share(groups: Sequence[str], share: int | float, seed: int) -> list[str]:
    return _ranked(groups, seed)[: max(1, round(share * len(groups)))]


def _ranked(groups: Sequence[str], seed: int) -> list[str]:
    return sorted(groups, key=lambda group: _place(group, seed))


def _counts(counts: Mapping) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items() if name)


def _listed(drawn: Sequence[str], of: int) -> str:
    """The groups by name where there are few in all, else how many."""
    return ", ".join(drawn) if of <= _FEW else f"{len(drawn)} of {counted(of, 'group')}"
