"""Pictures in, captions out: what the commands, the report and the notebooks share."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from seqvision.data import UNKNOWN, Vocabulary
from seqvision.data.augmentation import stack_pictures
from seqvision.decoding import Ensemble, Hypothesis, Search
from seqvision.errors import UserError
from seqvision.inference.checkpoint import LoadedCaptioner
from seqvision.inference.decoders import trained_decoder

WrittenT = TypeVar("WrittenT", bound="Written")


@dataclass(frozen=True)
class Written:
    """What a model wrote, a word after the other.

    `pieces` are its words with the blanks between them: put together they are the text. `attention` (pieces, …) says
    where the model looked for each of them, None for models that do not attend. `score` is what the texts were ranked
    by.
    """

    text: str
    score: float
    log_probability: float
    finished: bool
    pieces: tuple[str, ...]
    attention: np.ndarray | None

    @classmethod
    def of(
        cls: type[WrittenT],
        hypothesis: Hypothesis,
        vocabulary: Vocabulary,
        pieces: Sequence[tuple[str, list[int]]],
        attention: np.ndarray | None,
    ) -> WrittenT:
        """What a decoder found, as text; `pieces` as `pieces_of` gives them."""
        return cls(
            text=vocabulary.decode(hypothesis.tokens),
            score=hypothesis.score,
            log_probability=hypothesis.log_probability,
            finished=hypothesis.finished,
            pieces=tuple(text for text, _ in pieces),
            attention=attention,
        )


class Caption(Written):
    """One caption of a picture. Its attention is (pieces, rows, columns), each piece's map summing to 1."""


@dataclass(frozen=True)
class PictureCaption:
    """A picture with its captions, best first; there is at least one."""

    path: Path
    captions: tuple[Caption, ...]

    @property
    def text(self) -> str:
        """The best caption."""
        return self.captions[0].text


def caption_pictures(
    captioners: LoadedCaptioner | Sequence[LoadedCaptioner],
    paths: Sequence[str | Path],
    decoder: Search | None = None,
    *,
    batch_size: int = 32,
    forbid: Sequence[str] = (),
    require: Sequence[str] = (),
    on_unreadable: Callable[[Path, UserError], None] | None = None,
) -> Iterator[PictureCaption]:
    """Each picture's captions in the order of `paths`, as they are made.

    Several captioners write together: each next word by the mean of their probabilities. They must share a vocabulary,
    and each sees the picture through its own transform and encoder, once. decoder: that of the
    first one's training if not given. forbid: words
    that must not occur; require: words or phrases that every caption contains. An unreadable picture is handed to
    `on_unreadable` and left out; without it, the `UserError` is raised.
    """
    members = [captioners] if isinstance(captioners, LoadedCaptioner) else list(captioners)
    check_vocabularies(members)
    decoder = decoder or trained_decoder(members[0].config)
    model: Any = members[0].model if len(members) == 1 else Ensemble([member.model for member in members])
    vocabulary = members[0].vocabulary
    forbidden, required = constraint_ids(vocabulary, forbid, require)
    for readable, features in encode_pictures(members, paths, batch_size=batch_size, on_unreadable=on_unreadable):
        seen = features[0] if len(members) == 1 else tuple(features)
        found = decoder(model, seen, forbidden=forbidden, required=required)
        grid = attention_grid(members, features)
        for path, hypotheses in zip(readable, found, strict=True):
            yield PictureCaption(path, tuple(_caption(vocabulary, hypothesis, grid) for hypothesis in hypotheses))


def encode_pictures(
    captioners: Sequence[LoadedCaptioner],
    paths: Sequence[str | Path],
    *,
    batch_size: int = 32,
    on_unreadable: Callable[[Path, UserError], None] | None = None,
) -> Iterator[tuple[list[Path], list[Tensor]]]:
    """Batches of (paths, features of each captioner's encoder); files are read while the encoders work."""
    transforms = {captioner.transform.key(): captioner.transform for captioner in captioners}

    def read(path: Path) -> dict[str, Tensor] | UserError:
        try:
            return {key: transform(path) for key, transform in transforms.items()}
        except UserError as error:
            return error

    batches = [[Path(path) for path in paths[i : i + batch_size]] for i in range(0, len(paths), batch_size)]
    with ThreadPoolExecutor(max_workers=4) as pool:
        ahead = [pool.submit(read, path) for path in batches[0]] if batches else []
        for number, batch in enumerate(batches):
            begun, ahead = ahead, [pool.submit(read, path) for path in (batches[number + 1 :] or [[]])[0]]
            readable, pictures = [], []
            for path, future in zip(batch, begun, strict=True):
                seen = future.result()
                if not isinstance(seen, UserError):
                    readable.append(path)
                    pictures.append(seen)
                elif on_unreadable is None:
                    raise seen
                else:
                    on_unreadable(path, seen)
            if readable:
                yield readable, [_encode(captioner, pictures) for captioner in captioners]


def check_vocabularies(captioners: Sequence[LoadedCaptioner]) -> None:
    """Nothing, if the captioners share one vocabulary; else a UserError that says where they differ."""
    if not captioners:
        raise UserError("no checkpoint: name at least one")
    first, *others = captioners
    for other in others:
        if other.vocabulary.state() != first.vocabulary.state():
            only = sorted(set(first.vocabulary.tokens) ^ set(other.vocabulary.tokens))
            differs = f"'{only[0]}' is only in one of them" if only else "the same entries in another order"
            raise UserError(
                f"{first.path} and {other.path} have different vocabularies ({len(first.vocabulary)} and "
                f"{len(other.vocabulary)} entries; {differs}); the members of an ensemble must share one: "
                "train them on the same captions, with other seeds or other networks"
            )


def constraint_ids(
    vocabulary: Vocabulary, forbid: Sequence[str], require: Sequence[str]
) -> tuple[list[int], list[list[int]]]:
    """The numbers of the words that must not occur, and those of each word or phrase that must. `UserError`, naming the
    word, for one that the vocabulary lacks and for one that is both.
    """
    forbidden = {_forbidden_id(vocabulary, word): word for word in forbid}
    required = [_known_ids(vocabulary, phrase, "--require") for phrase in require]
    for phrase, ids in zip(require, required, strict=True):
        if both := [forbidden[token] for token in ids if token in forbidden]:
            inside = "" if both[0] == phrase else f", of '{phrase}',"
            raise UserError(f"'{both[0]}'{inside} is both required and forbidden; leave out --require or --forbid")
    return list(forbidden), required


def _forbidden_id(vocabulary: Vocabulary, word: str) -> int:
    """The number of a word that must not occur."""
    ids = _known_ids(vocabulary, word, "--forbid")
    if len(ids) != 1:
        raise UserError(f"--forbid: '{word}' is {len(ids)} entries of the vocabulary, expected one word; forbid a part")
    return ids[0]


def attention_grid(captioners: Sequence[LoadedCaptioner], features: Sequence[Tensor]) -> tuple[int, int] | None:
    """(rows, columns) of the places that the captioners attend to; None if they do not, or not to the same places."""
    shapes = {tuple(each.shape[1:-1]) for each in features}
    fits = {captioner.transform.fit for captioner in captioners}
    attending = all(captioner.model.attention is not None for captioner in captioners)
    if not attending or len(shapes) > 1 or len(fits) > 1:
        return None
    rows, columns = shapes.pop()
    return rows, columns


def pieces_of(vocabulary: Vocabulary, tokens: Sequence[int]) -> list[tuple[str, list[int]]]:
    """(text, places of its tokens) one after the other, the texts making up the whole caption, blanks included."""
    whole = vocabulary.decode(tokens)
    pieces: list[tuple[str, list[int]]] = []
    done, waiting = "", []
    for place in range(len(tokens)):
        waiting.append(place)
        so_far = vocabulary.decode(tokens[: place + 1])
        # a token may be part of a letter, or change the blanks before it: then it goes with the next one
        if whole.startswith(so_far) and len(so_far) > len(done):
            pieces.append((so_far[len(done) :], waiting))
            done, waiting = so_far, []
    if len(done) < len(whole):
        pieces.append((whole[len(done) :], waiting))
    return pieces


@torch.inference_mode()
def _encode(captioner: LoadedCaptioner, pictures: Sequence[dict[str, Tensor]]) -> Tensor:
    images = stack_pictures([picture[captioner.transform.key()] for picture in pictures])
    return captioner.model.encode(images.to(captioner.device))


def _caption(vocabulary: Vocabulary, hypothesis: Hypothesis, grid: tuple[int, int] | None) -> Caption:
    pieces = pieces_of(vocabulary, hypothesis.tokens)
    attention = None
    if grid is not None and hypothesis.attention is not None:
        weights = hypothesis.attention.float().numpy()
        maps = [weights[places].mean(axis=0).reshape(grid) for _, places in pieces]
        attention = np.stack(maps) if maps else np.zeros((0, *grid), np.float32)
    return Caption.of(hypothesis, vocabulary, pieces, attention)


def _known_ids(vocabulary: Vocabulary, text: str, option: str) -> list[int]:
    ids = vocabulary.encode(text)
    if not ids or UNKNOWN in ids:
        near = get_close_matches(vocabulary.normalise(text), vocabulary.tokens[4:], n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "take words of its training captions"
        raise UserError(f"{option}: the model does not know '{text}': {hint}")
    return ids
