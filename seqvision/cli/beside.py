"""What a training ends with: its validation beside the simple baselines, where these are soon had."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seqvision.errors import UserError

MOST = {"train": 5_000, "val": 1_000}  # items; of more the baselines are left to `seqvision evaluate`
MOST_FRAMES = 20_000  # of labelled recordings


def beside_baselines(run: Path, pattern_name: str, trust: Sequence[str] = ()) -> list[str]:
    """The lines: the scores that decide, beside those of every baseline, on validation; where one is not beaten or
    nearly all predictions are the same, that in words and what to try next. None for large data, and of a pattern that
    cannot be evaluated.
    """
    from seqvision.cli.evaluate import parse
    from seqvision.cli.patterns import PATTERNS
    from seqvision.cli.record import evaluation_record
    from seqvision.cli.score_texts import warnings_of
    from seqvision.cli.stored_data import splits_of, stored_data
    from seqvision.inference.verdict import beside

    if pattern_name not in PATTERNS or not (run / "best.ckpt").is_file():
        return []
    try:
        given = parse(["--checkpoint", str(run), "--split", "val", "--bootstrap", "0"])
        given.trust = list(trust)
        pattern = PATTERNS[pattern_name](given)
        data = stored_data(pattern.models[0], trust=trust)
        splits = splits_of(data)
        if not _small(splits):
            return []
        evaluation = pattern.evaluate(
            pattern.predict(splits["val"], splits), splits["val"], split="val", splits=splits, data=data
        )
    except UserError as error:
        return [f"  not compared with the baselines: {error}"]
    record: dict[str, Any] = evaluation_record(evaluation, pattern.models, decoding=None, command="", seconds=0.0)
    said = beside(record)
    return [*([f"  {said}"] if said else []), *warnings_of(record, pattern.models)]


def _small(splits: Mapping[str, Sequence[Any]]) -> bool:
    if "val" not in splits or "train" not in splits:
        return False
    frames = sum(len(labels) for each in splits["train"] if (labels := getattr(each, "labels", None)) is not None)
    return frames <= MOST_FRAMES and all(len(splits[name]) <= most for name, most in MOST.items())
