"""What a network that writes words gives a word at a time, to be compared with what it gives at once."""

from typing import Any

import torch


def step_by_step(model: Any, read: Any, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The scores, and the attention's weights, that `start` and `step` give for these words."""
    memory, state = model.start(read)
    logits, attention = [], []
    for words in tokens.unbind(1):
        out = model.step(words.unsqueeze(1), state, memory)
        state = out.state
        logits.append(out.logits.squeeze(1))
        attention.append(None if out.attention is None else out.attention.squeeze(1))
    return torch.stack(logits, 1), None if attention[0] is None else torch.stack(attention, 1)


def scores(model: Any, read: Any, tokens: torch.Tensor, **settings: Any) -> torch.Tensor:
    """The scores of every next word under teacher forcing."""
    return model.output(model(read, tokens, **settings).hidden)
