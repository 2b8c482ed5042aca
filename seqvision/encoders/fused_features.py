"""The kept features of a fusion's encoders, joined as they are read."""

import copy
from collections.abc import Iterator, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from seqvision.encoders.feature_table import FeatureTable
from seqvision.encoders.fusion import Join


def reading(join: Join) -> Join:
    """A copy of the join for loaders and their workers."""
    return copy.deepcopy(join).cpu().eval().requires_grad_(False)


class JoinedTable(FeatureTable):
    """The features of a list of pictures, `table[i]` those of the i-th: of several encoders, each from its own table.

    Attributes:
        shape: (pictures, *shape of one picture's features)
    """

    def __init__(self, tables: Sequence[FeatureTable], join: Join) -> None:
        self.tables, self.join = list(tables), reading(join)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self), *self.batch([0]).shape[1:])

    def __len__(self) -> int:
        return len(self.tables[0])

    def __getitem__(self, index: int) -> Float[Tensor, "..."]:
        return self.batch([index])[0]

    def batch(self, indices: Sequence[int]) -> Float[Tensor, "batch ..."]:
        with torch.no_grad():
            return self.join([table.batch(indices) for table in self.tables])

    def __getstate__(self) -> dict:
        return self.__dict__


class JoinedFeatures(Mapping[str, Tensor]):
    """The features of videos by name, (time, *features): of several encoders, each from its own files."""

    def __init__(self, kept: Sequence[Mapping[str, Tensor]], join: Join) -> None:
        self.kept, self.join = list(kept), reading(join)

    def __getitem__(self, name: str) -> Float[Tensor, " time *features"]:
        with torch.no_grad():
            return self.join([each[name] for each in self.kept])

    def __iter__(self) -> Iterator[str]:
        return iter(self.kept[0])

    def __len__(self) -> int:
        return len(self.kept[0])
