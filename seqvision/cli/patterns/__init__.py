"""A file a pattern: what `seqvision evaluate` and `seqvision report` do with its models. A new pattern is a file here
and an entry in `PATTERNS`.
"""

from seqvision.cli.patterns.base import Pattern
from seqvision.cli.patterns.captioning import Captioning
from seqvision.cli.patterns.classification import Classification
from seqvision.cli.patterns.labelling import Labelling
from seqvision.cli.patterns.painting import Painting
from seqvision.cli.patterns.reading import Reading
from seqvision.cli.patterns.surface import Surface
from seqvision.cli.patterns.translation import Translation
from seqvision.errors import UserError
from seqvision.inference.checkpoint import pattern_of
from seqvision.inference.checkpoint_file import find_checkpoint, read_checkpoint

PATTERNS: dict[str, type[Pattern]] = {
    "captioning": Captioning,
    "classification": Classification,
    "labelling": Labelling,
    "translation": Translation,
    "reading": Reading,
    "painting": Painting,
    "surface": Surface,
}


def pattern_at(path: str) -> str:
    """The pattern of the checkpoint in a file or a run's folder; a UserError if it is none of `PATTERNS`."""
    file = find_checkpoint(path)
    pattern = pattern_of(read_checkpoint(file, verify=False))  # whoever loads it verifies
    if pattern not in PATTERNS:
        raise UserError(f"{file}: a model for '{pattern}', expected one of {', '.join(PATTERNS)}")
    return pattern


__all__ = ["PATTERNS", "Pattern", "pattern_at"]
