"""Whether a captioner says different things about different pictures."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from seqvision.errors import UserError


@dataclass(frozen=True)
class Diversity:
    """How varied a set of captions is."""

    captions: int
    distinct: float  # share of different captions among all: 1 where no caption returns
    commonest: str
    commonest_share: float  # share of the captions that are the commonest one
    vocabulary: int  # different words, split at blanks


def diversity(captions: Sequence[str]) -> Diversity:
    """The variety of these captions; blanks at the ends and double blanks make no difference.

    Raises `UserError` where there are none.
    """
    if not captions:
        raise UserError("No captions, so there is no variety to measure; give at least one caption.")
    words = [caption.split() for caption in captions]
    counts = Counter(" ".join(tokens) for tokens in words)
    (commonest, count), *_ = counts.most_common(1)
    vocabulary = {word for tokens in words for word in tokens}
    return Diversity(len(words), len(counts) / len(words), commonest, count / len(words), len(vocabulary))


def collapse_message(
    candidates: Sequence[str],
    references: Sequence[Sequence[str]] | None = None,
    *,
    threshold: float = 0.5,
    minimum: int = 10,
) -> str | None:
    """A sentence for the user where one caption serves more than `threshold` of the pictures; None where all is well.

    Fewer than `minimum` pictures say nothing, and neither do pictures whose own `references` (the first of each) are
    as uniform as the captions.
    """
    if len(candidates) < minimum:
        return None
    found = diversity(candidates)
    if found.commonest_share <= threshold:
        return None
    expected = ""
    if references is not None:
        true = diversity([texts[0] for texts in references])
        if true.commonest_share > threshold:
            return None
        expected = f" (the commonest reference serves {true.commonest_share:.0%})"
    said = f"the same caption, {found.commonest!r}" if found.commonest else "an empty caption"
    return (
        f"The captions have collapsed: {found.commonest_share:.0%} of {found.captions} pictures got {said}{expected}. "
        "The model hardly looks at its pictures: train longer, lower the learning rate, or check that pictures and "
        "captions belong together; scores of such a model say little."
    )
