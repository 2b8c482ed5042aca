"""Named batches of sentence pairs, and the data set that makes them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor
from torch.utils.data import Dataset

from seqvision.data.batches import Batch, valid_indices
from seqvision.data.loading import Item
from seqvision.data.parallel.records import SentencePair
from seqvision.data.vocabulary import END, PAD, START, Vocabulary


@dataclass(frozen=True)
class ParallelBatch(Batch):
    """Sentences with their translations.

    source          the sentence, END, then PAD
    source_lengths  tokens of each sentence, END included
    tokens          START, the translation, END, then PAD to the batch's width, however wide: PAD is never data
    lengths         tokens of each translation, START and END included
    targets         the indices of the words to be predicted, START not among them, in `tokens[:, 1:]` flattened
    """

    source: Int[Tensor, "batch source_time"]
    source_lengths: Int[Tensor, " batch"]
    tokens: Int[Tensor, "batch time"]
    lengths: Int[Tensor, " batch"]
    targets: Int[Tensor, " words"]


def pad_sentences(
    sentences: Sequence[Sequence[int]], *, width: int | None = None
) -> tuple[Int[Tensor, "batch time"], Int[Tensor, " batch"]]:
    """(tokens, lengths) of sentences, padded to the longest, or to `width`."""
    lengths = [len(sentence) for sentence in sentences]
    wide = max(lengths) if width is None else width
    rows = [[*sentence, *[PAD] * (wide - len(sentence))] for sentence in sentences]
    return torch.tensor(rows, dtype=torch.int64).reshape(len(rows), wide), torch.tensor(lengths, dtype=torch.int64)


def parallel_batch(
    ids: list[str],
    sources: Sequence[Sequence[int]],
    targets: Sequence[Sequence[int]],
    *,
    widths: tuple[int | None, int | None] = (None, None),
) -> ParallelBatch:
    """The batch of sentences and translations without marks, which are put where they belong."""
    source, source_lengths = pad_sentences([[*sentence, END] for sentence in sources], width=widths[0])
    tokens, lengths = pad_sentences([[START, *sentence, END] for sentence in targets], width=widths[1])
    indices = valid_indices(lengths - 1, tokens.shape[1] - 1)
    return ParallelBatch(ids, source, source_lengths, tokens, lengths, indices)


class ParallelDataset(Dataset[ParallelBatch]):
    """Batches by a list of `Item`; every sentence is encoded once."""

    def __init__(self, pairs: Sequence[SentencePair], source: Vocabulary, target: Vocabulary):
        self.ids = [pair.id for pair in pairs]
        self.sources = [source.encode(pair.source) for pair in pairs]
        self.targets = [target.encode(pair.target) for pair in pairs]

    def __len__(self) -> int:
        return len(self.ids)

    def length(self, item: Item) -> int:
        """The words of both sides together."""
        return len(self.sources[item.record]) + len(self.targets[item.record])

    def __getitems__(self, items: Sequence[Item]) -> ParallelBatch:
        """The whole batch at once; torch's loader asks for it so."""
        places = [item.record for item in items]
        return parallel_batch(
            [self.ids[i] for i in places], [self.sources[i] for i in places], [self.targets[i] for i in places]
        )
