"""The pretended device for Lightning: `trainer.accelerator=pretend +trainer.strategy=pretend` on the command line, or
`Trainer(accelerator="pretend", strategy="pretend")`.
"""

from typing import Any

import torch
from pretended_device import NAME
from pytorch_lightning.accelerators import Accelerator, AcceleratorRegistry
from pytorch_lightning.strategies import SingleDeviceStrategy, StrategyRegistry

ON_DEVICE = (f"trainer.accelerator={NAME}", f"+trainer.strategy={NAME}")


class PretendedAccelerator(Accelerator):
    """One device; it is there inside a block of `PretendedDevice`."""

    def setup_device(self, device: torch.device) -> None:
        assert device.type == NAME

    def teardown(self) -> None:
        pass

    @staticmethod
    def parse_devices(devices: Any) -> int:
        return int(devices)

    @staticmethod
    def get_parallel_devices(devices: int) -> list[torch.device]:
        return [torch.device(NAME, index) for index in range(devices)]

    @staticmethod
    def auto_device_count() -> int:
        return 1

    @staticmethod
    def is_available() -> bool:
        return bool(getattr(torch, NAME).is_available())

    @staticmethod
    def name() -> str:
        return NAME


def register() -> None:
    """Lightning knows the names from here on."""
    if NAME not in AcceleratorRegistry:
        AcceleratorRegistry.register(NAME, PretendedAccelerator, description="a device for tests")
        StrategyRegistry.register(NAME, SingleDeviceStrategy, description="a device for tests", device=f"{NAME}:0")
