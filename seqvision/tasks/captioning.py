"""Captioning: trained on words, validated by the captions themselves; self-critical training as a second stage."""

import sys
from collections.abc import Sequence
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Int
from PIL import Image
from torch import Tensor

from seqvision.callbacks.samples import Sample, Table
from seqvision.data.batches import CaptionBatch
from seqvision.data.vocabulary import END, START
from seqvision.decoding import GreedySearch, Sampling
from seqvision.devices import to_device
from seqvision.errors import UserError
from seqvision.figures.looks import as_picture
from seqvision.losses import doubly_stochastic_penalty, sequence_log_probability
from seqvision.metrics import CiderReferences, caption_scores, collapse_message, tokenize_ptb
from seqvision.models import Captioner, TeacherForced
from seqvision.rnn.unroll import valid_steps
from seqvision.tasks.words import WordTask

Text: TypeAlias = tuple[int, ...]  # tokens, END included


class Captioning(WordTask):
    """Trains a captioner on words given the true words before them; validates by decoding every picture.

    references: every picture's captions by split and name. The other settings are those of `WordTask`, and
    attention_penalty: the weight of the doubly stochastic penalty, for models that attend: L times the λ of Xu et al.
    (2015) for a map of L places, see `doubly_stochastic_penalty`.
    """

    model: Captioner
    shown = "cider_d"
    logged = ("val/cider_d", "val/bleu_1", "val/bleu_2", "val/bleu_3", "val/bleu_4", "val/rouge_l", "val/exact_match",
              "val/distinct", "val/commonest_share", "val/loss")  # fmt: skip

    def __init__(
        self, model: Captioner, *, attention_penalty: float = 0.0, encoder_lr_factor: float = 1.0, **settings: Any
    ):
        super().__init__(model, slow=model.encoder, slow_factor=encoder_lr_factor, **settings)
        self.attention_penalty = attention_penalty

    def features(self, batch: CaptionBatch) -> Tensor:
        """The batch's features: those computed before, or the encoder's."""
        if batch.features is not None:
            return self.model.encoder.finish(batch.features)
        assert batch.images is not None
        return self.model.encode(batch.images)

    def penalty(self, out: TeacherForced, valid: Bool[Tensor, "batch time"]) -> Tensor | float:
        if not self.attention_penalty or out.attention is None:
            return 0.0
        return self.attention_penalty * doubly_stochastic_penalty(out.attention, valid)

    def scores(self, written: list[str], references: list[tuple[str, ...]]) -> dict[str, float]:
        collapsed = collapse_message(written, references)
        if collapsed and self.trainer.is_global_zero and self.trainer.current_epoch > 0:  # every model begins so
            print(f"warning: {collapsed}", file=sys.stderr)
        return caption_scores(written, references).corpus

    def validation_samples(self, count: int) -> list[Sample]:
        """Images with the network's captions and those that people wrote."""
        shown = self.predictions[:count]
        records = {record.id: record for record in self.trainer.datamodule.records["val"]}  # type: ignore[attr-defined]
        rows = [(self._image(records.get(one.id)), one.id, one.caption, "\n".join(one.references)) for one in shown]
        return [Table("predictions", ("image", "id", "caption", "references"), rows)]

    def _image(self, record: Any) -> Image.Image | None:
        """The image as the network sees it; None where the data has only its features."""
        try:
            return None if record is None else as_picture(self.trainer.datamodule.image_transform(record.image))  # type: ignore[attr-defined]
        except UserError:
            return None


class SelfCriticalCaptioning(Captioning):
    """Trains on the captions that the network draws itself: their CIDEr-D above that of its greedy captions, times
    the gradient of their log-probability (Rennie et al., 2017, equation 8).

    A second stage: start it from a captioner trained on words. The gradient is that of the distribution which the
    captions are drawn from: without dropout, and over the words that are possible at each step, which padding, start,
    the unknown word and an end without a word before it are not. The reward's document frequencies are those of the
    training captions.
    """

    def __init__(self, *arguments: Any, samples: int = 1, **settings: Any):
        super().__init__(*arguments, **settings)
        self.samples = samples
        training = self.references["train"]
        self.rewards = CiderReferences(
            {id: [tokenize_ptb(caption) for caption in captions] for id, captions in training.items()}
        )

    def loss(self, batch: CaptionBatch) -> tuple[Tensor, Tensor]:
        self.model.eval()
        features = self.features(batch)
        read, device = features.detach(), features.device
        length = self.decoder.max_length
        sampling = Sampling(max_length=length, samples=self.samples, seed=int(torch.randint(2**31, ())))
        drawn, lengths = sampling.written(self.model, read)
        greedy = GreedySearch(max_length=length).written(self.model, read)
        *written, best = self._texts((drawn, lengths), greedy)
        baseline = self._reward(batch.ids, best)
        rules, losses = sampling.rules(device), []
        for place, texts in enumerate(written):
            tokens = F.pad(drawn[:, place, : max(map(len, texts))], (1, 0), value=START)
            inputs, targets, own = tokens[:, :-1], tokens[:, 1:], lengths[:, place]
            valid = valid_steps(own, targets.shape[1])
            logits = rules.along(self.model.output(self.model(features, inputs, own).hidden), targets)
            advantage = to_device(self._reward(batch.ids, texts) - baseline, device)
            losses.append(-(advantage * sequence_log_probability(logits, targets, valid)).sum())
        if self.trainer.training:  # and not merely looked at
            self.log("train/reward", baseline.mean(), on_step=True, on_epoch=False)
        return torch.stack(losses).sum(), lengths.sum()

    @staticmethod
    def _texts(*parts: tuple[Int[Tensor, "batch _ _"], Int[Tensor, "batch _"]]) -> list[list[Text]]:
        """The tokens of the first caption of each picture, of its second, …, END included: all in one copy to the
        host.
        """
        longest = max(tokens.shape[2] for tokens, _ in parts)
        rows = [torch.cat([n.unsqueeze(2), F.pad(t, (0, longest - t.shape[2]))], dim=2) for t, n in parts]
        table = torch.cat(rows, dim=1).transpose(0, 1).tolist()
        return [[tuple(ids[:number]) for number, *ids in column] for column in table]

    def _reward(self, ids: Sequence[str], texts: Sequence[Text]) -> Tensor:
        captions = [tokenize_ptb(self.vocabulary.decode([token for token in text if token != END])) for text in texts]
        return torch.from_numpy(self.rewards.score(ids, captions)).float()
