"""A training step of RAM costs little more than its parts alone.

    OMP_NUM_THREADS=1 python -m pytest tests/benchmarks/test_reading_speed.py -s -o addopts="--import-mode=importlib"

Batch 128, six looks of 8 x 8 pixels at 28 x 28, 256 units. The parts are measured by themselves, with what they need
laid ready: the sensor at six places, forward and backward of glimpse network, recurrence and heads six times, the
optimiser.
"""

from functools import partial

import torch
import torch.nn.functional as F
from measuring import interleaved, middle

from seqvision.losses.reinforce import reinforce
from seqvision.models import RAM
from seqvision.rnn import LayerNormElmanCell, Recurrent

BATCH, LOOKS, UNITS, ROUNDS = 128, 6, 256, 40


def test_a_step_is_at_most_1_3_times_its_parts():
    torch.manual_seed(0)
    model = RAM(
        partial(Recurrent, LayerNormElmanCell, hidden_size=UNITS), classes=10, pictures={"channels": 1}, looks=LOOKS
    )
    optimizer = torch.optim.AdamW(model.parameters())
    pixels = torch.randint(256, (BATCH, 1, 28, 28), dtype=torch.uint8)
    labels = torch.randint(10, (BATCH,))
    places = torch.rand(LOOKS, BATCH, 2) * 2 - 1
    with torch.no_grad():
        scene = model.sensor.scene(pixels)
        patches = model.sensor(scene, places[0])
        vector = model.glimpse(patches, places[0])
        output, state = model.rnn.step(vector, model.rnn.initial_state(BATCH))

    def step() -> None:
        reading = model(pixels, sample=True)
        scores = reading.logits[:, -1]
        rewards = F.cross_entropy(scores.detach(), labels, reduction="none").neg().unsqueeze(1).expand(-1, LOOKS)
        policy, baseline = reinforce(reading.log_p, rewards, reading.baselines)
        optimizer.zero_grad()
        ((F.cross_entropy(scores, labels, reduction="sum") + policy + baseline) / BATCH).backward()
        optimizer.step()

    def sensor() -> None:
        with torch.no_grad():
            ready = model.sensor.scene(pixels)
            for look in range(LOOKS):
                model.sensor(ready, places[look])

    def glimpses() -> None:
        for look in range(LOOKS):
            model.glimpse(patches, places[look]).sum().backward()

    def core() -> None:
        x, h = vector.clone().requires_grad_(), state
        for _ in range(LOOKS - 1):
            _, h = model.rnn.step(x, h)
        model.rnn.step(x, h)[0].sum().backward()

    def heads() -> None:
        for _ in range(LOOKS):
            mean, _ = model.locator(output)
            (mean.sum() + model.baseline(output).sum()).backward()
        x = output.clone().requires_grad_()
        for _ in range(LOOKS):
            model.output(x).sum().backward()

    runs = {"sensor": sensor, "glimpse network": glimpses, "recurrence": core, "heads": heads}
    times = interleaved({"step": step, **runs, "optimiser": optimizer.step}, rounds=ROUNDS, warmup=3)
    parts = {name: middle(seconds) for name, seconds in times.items()}
    whole, together = parts.pop("step"), sum(parts.values())
    print(f"step {1e3 * whole:.1f} ms = {whole / together:.2f} times its parts:")
    for name, seconds in parts.items():
        print(f"  {name:<16}{1e3 * seconds:6.2f} ms")
    assert whole <= 1.3 * together
