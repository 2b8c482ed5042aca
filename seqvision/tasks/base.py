"""What every task shares: the loss over the whole batch, wherever it is computed; the optimiser; the checkpoint."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer

from seqvision.callbacks.samples import Sample
from seqvision.data.loading import Item, seed_of
from seqvision.devices import over_processes
from seqvision.errors import UserError
from seqvision.optim import KFAC, Newton, build_optimizer, check_closures, compares_losses
from seqvision.rnn import reference_loops


class Task(LightningModule):
    """A pattern of training: a subclass says what the loss of a batch is, and what is measured.

    `loss(batch) -> (sum, count)`: the loss summed over the batch's valid items (words, frames, …), and their number.
    The gradient is that of Σ sum / Σ count over all ranks and accumulated batches, so that neither the number of
    devices nor the way a batch is cut changes the step.

    contents: what a checkpoint carries besides the weights, plain data: all that inference needs.
    layer_decay: each stage of the model's encoders learns at so much of the rate of the stage behind it.
    penalty: λR(W) of the network, added to the mean loss and logged as `train/penalty`.
    preconditioner: a partial of `KFAC` that still lacks the model; it turns the mean's gradient before the optimiser
    sees it.
    besides: what the last `loss` holds that validation's loss does not, a policy's say; `train/loss` leaves it out.
    seed: every training step draws from a generator seeded by it, the step and the rank, so that a resumed run
    continues bit for bit.

    A subclass names in `logged` what its validation logs, so that a score to choose by is known to be there beforehand.
    """

    logged: tuple[str, ...] = ()

    def __init__(
        self,
        model: nn.Module,
        *,
        optimizer: Callable[[Iterable[Any]], Optimizer],
        scheduler: Callable[[Optimizer, int], Any],
        contents: dict[str, Any],
        slow: nn.Module | None = None,
        slow_factor: float = 1.0,
        layer_decay: int | float = 1.0,
        penalty: Callable[[nn.Module], Tensor] | None = None,
        preconditioner: Callable[[nn.Module], KFAC] | None = None,
        seed: int = 0,
    ):
        super().__init__()
        self.model = model
        self.make_optimizer = optimizer
        self.make_scheduler = scheduler
        self.contents = contents
        self.slow, self.slow_factor = [slow], slow_factor  # in a list: it must not be registered a second time
        self.layer_decay = layer_decay
        self.weight_penalty = penalty
        self.preconditioner = None if preconditioner is None else preconditioner(model)
        self.seed = seed
        self.count: Tensor | None = None
        self.besides: Tensor | float = 0.0
        self._again: Callable[[], tuple[Tensor, Tensor, Tensor | None]] | None = None

    def loss(self, batch: Any) -> tuple[Tensor, Tensor]:
        """The summed loss of a batch and the number of items that it is summed over."""
        raise NotImplementedError

    def judged(self, batch: Any) -> tuple[Tensor, Tensor]:
        """The part of the loss that says how well the network does, without noise of training's own, and the number."""
        return self.loss(batch)

    def chance(self, batch: Any) -> tuple[Tensor, Tensor] | None:
        """`judged` of a network that knows nothing yet, all scores being alike; None where nobody can say."""
        return None

    def floor(self, batch: Any) -> float:
        """What no network can bring the mean of `judged` below on this batch, known by heart."""
        return 0.0

    def steady(self) -> None:
        """From here on training varies nothing at random and smooths no label, for what is to be learnt by heart."""
        parts: list[Any] = [part for part in self.modules() if hasattr(part, "label_smoothing")]
        for part in parts:
            part.label_smoothing = 0.0

    def validation_samples(self, count: int) -> list[Sample]:
        """What trackers show of the last validation, of at most `count` items: tables and plots; none by default."""
        return []

    def validation_records(self, count: int) -> list[Any]:
        """The first `count` records of the validation data, for `validation_samples`."""
        records = self.trainer.datamodule.records["val"]  # type: ignore[attr-defined]
        return [records[place] for place in range(min(count, len(records)))]

    def validation_batch(self, count: int) -> Any:
        """The same as one batch, on the device."""
        dataset = self.trainer.datamodule.dataset("val", training=False)  # type: ignore[attr-defined]
        return dataset.__getitems__([Item(place, place) for place in range(min(count, len(dataset)))]).to(self.device)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        with nullcontext() if self.preconditioner is None else self.preconditioner.watching():
            loss, count, penalty = self._total(batch)
        self.count = count.detach() if self.count is None else self.count + count.detach()
        self.log("train/loss", (loss.detach() - self.besides) / count, on_step=True, on_epoch=False)
        if penalty is not None:
            self.log("train/penalty", penalty.detach(), on_step=True, on_epoch=False)
            loss = loss + penalty * count.detach()  # so that it stands beside Σ sum / Σ count as it is
        self._again = partial(self._total, batch)
        # Lightning divides by the number of accumulated batches and averages over ranks; both are undone below
        return loss

    def _total(self, batch: Any) -> tuple[Tensor, Tensor, Tensor | None]:
        """The loss summed over the batch, the number of its items, and the penalty; the same each time in one step."""
        _seed(seed_of(self.seed, self.trainer.fit_loop.epoch_loop.total_batch_idx, self.global_rank), self.device)
        return *self.loss(batch), None if self.weight_penalty is None else self.weight_penalty(self.model)

    def optimizer_step(
        self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Callable[[], Any] | None = None
    ) -> None:
        assert optimizer_closure is not None
        mean = partial(self._mean_loss, optimizer_closure) if compares_losses(optimizer) else optimizer_closure
        optimizer.step(closure=mean, **({"graph": self._graph} if isinstance(optimizer, Newton) else {}))

    def _graph(self) -> tuple[Tensor, Tensor]:
        """The summed loss of the batch of this step once more, differentiable twice, and its number of items."""
        assert self._again is not None
        with reference_loops(self.model):
            loss, count, penalty = self._again()
        return loss if penalty is None else loss + penalty * count.detach(), count

    def _mean_loss(self, closure: Callable[[], Tensor]) -> Tensor:
        """The closure's loss as the gradient has it, the mean over all ranks: what compares losses decides alike."""
        loss, count = closure(), self.count
        assert count is not None
        totals = over_processes(torch.stack([loss.float(), count.float()]))
        return totals[0] / totals[1].clamp(min=1.0)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        assert self.count is not None
        total = over_processes(self.count.float())
        scale = self.trainer.accumulate_grad_batches * self.trainer.world_size / total.clamp(min=1.0)
        parameters = (parameter for group in optimizer.param_groups for parameter in group["params"])
        torch._foreach_mul_([parameter.grad for parameter in parameters if parameter.grad is not None], scale)
        if self.preconditioner is not None:
            accumulated = self.trainer.accumulate_grad_batches
            self.preconditioner.precondition(
                optimizer.param_groups, count=total, parts=accumulated, penalty=self.weight_penalty
            )
        self.count = None

    def gather(self, items: list[Any]) -> list[Any]:
        """The items of all ranks, on every rank."""
        if self.trainer.world_size == 1:
            return items
        shares: list[Any] = [None] * self.trainer.world_size
        torch.distributed.all_gather_object(shares, items)
        return [item for share in shares for item in share]

    def log_mean(self, name: str, parts: Sequence[tuple[Any, Any]]) -> None:
        """Logs Σ sum / Σ count over the parts (sum, count) of all ranks."""
        totals = self.gather([(float(total), float(count)) for total, count in parts])
        mean = sum(total for total, _ in totals) / max(1.0, sum(count for _, count in totals))
        self.log(name, mean, prog_bar=True, sync_dist=True)

    def new_optimizer(self) -> Optimizer:
        """The optimiser over the network, before its first step."""
        rates = {"slow": self.slow[0], "slow_factor": self.slow_factor, "layer_decay": self.layer_decay}
        return build_optimizer(self.make_optimizer, self.model, **rates)  # type: ignore[arg-type]

    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimizer = self.new_optimizer()
        trainer = self.trainer
        check_closures(optimizer, accumulated=trainer.accumulate_grad_batches, precision=str(trainer.precision))
        if compares_losses(optimizer):
            trainer.gradient_clip_val = None  # it learns the curvature from gradients as they are
        if self.preconditioner is not None:
            self.preconditioner.check(optimizer, precision=str(trainer.precision))
            if self.preconditioner.kl_clip is not None:
                trainer.gradient_clip_val = None  # steps have a limit already
        steps = trainer.estimated_stepping_batches
        if steps == float("inf"):
            raise UserError("trainer.max_epochs=-1: a schedule needs an end; give epochs, or trainer.max_steps as well")
        schedule = self.make_scheduler(optimizer, int(steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["seqvision"] = self.contents
        if self.preconditioner is not None and "optimizer_states" in checkpoint:  # one to go on from
            checkpoint["preconditioner"] = self.preconditioner.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if self.preconditioner is not None:
            self.preconditioner.load_state_dict(checkpoint.get("preconditioner"))


def _seed(seed: int, device: torch.device) -> None:
    """Seeds what draws on the CPU and on the device. Not `torch.manual_seed`: without a GPU that keeps a stack trace of
    every call for the day when one appears.
    """
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        getattr(torch, device.type).manual_seed(seed)
