"""Later layers begin again when they should, and only they."""

import pytest
import torch
from pytorch_lightning import LightningModule, Trainer
from quiet_trainer import quiet_trainer
from torch import nn

from seqvision.callbacks import Forgetting
from seqvision.errors import UserError

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*LeafSpec.*:FutureWarning")


class Task(LightningModule):
    """Two layers that move at every step."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.model = nn.ModuleDict({"front": nn.Linear(2, 2), "late": nn.Linear(2, 1)})

    def training_step(self, batch, index):
        return self.model["late"](self.model["front"](batch)).square().sum()

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.1)

    def train_dataloader(self):
        return torch.utils.data.DataLoader(torch.ones(3, 2), batch_size=1)


class Watch(Forgetting):
    """Keeps the weights of both layers, and how many steps Adam has counted, as each epoch begins."""

    def on_train_epoch_start(self, trainer, pl_module):
        super().on_train_epoch_start(trainer, pl_module)
        state = trainer.optimizers[0].state
        self.seen = getattr(self, "seen", [])
        self.seen.append(
            {
                name: (layer.weight.detach().clone(), int(state[layer.weight]["step"]) if layer.weight in state else 0)
                for name, layer in pl_module.model.items()
            }
        )


@pytest.mark.parametrize("modules", [["late"], None])
def test_late_layers_begin_again_after_half_of_the_epochs(tmp_path, modules):
    callback, task = Watch(modules=modules, at=[0.5]), Task()
    quiet_trainer(tmp_path, max_epochs=4, callbacks=[callback]).fit(task)
    first, second, third, _ = callback.seen
    assert not torch.equal(second["late"][0], first["late"][0])
    assert torch.equal(third["late"][0], first["late"][0])
    assert third["late"][1] == 0
    assert not torch.equal(third["front"][0], first["front"][0])
    assert third["front"][1] == 6


def test_the_beginning_survives_a_resumed_run():
    task, callback = Task(), Forgetting(modules=["late"], at=[0.5])
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, max_epochs=2)
    callback.setup(trainer, task, "fit")
    resumed = Forgetting(modules=["late"], at=[0.5])
    with torch.no_grad():
        task.model["late"].weight.zero_()
    resumed.setup(trainer, task, "fit")
    resumed.load_state_dict(callback.state_dict())
    trainer.fit_loop.epoch_progress.current.completed = 1
    assert trainer.current_epoch == 1
    resumed.on_train_epoch_start(trainer, task)
    assert torch.equal(task.model["late"].weight, Task().model["late"].weight)


def test_a_module_that_is_not_there_is_named():
    callback, trainer = Forgetting(modules=["later"], at=[0.5]), Trainer(accelerator="cpu", logger=False)
    with pytest.raises(UserError, match=r"has no \['later'\]; its parts are \['front', 'late'\]"):
        callback.setup(trainer, Task(), "fit")
