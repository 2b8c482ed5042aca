"""Decoders by the names and options that people type."""

from collections.abc import Mapping
from typing import Any

from seqvision.decoding import BeamSearch, DiverseBeamSearch, GreedySearch, Sampling, Search
from seqvision.errors import UserError
from seqvision.inference import registry
from seqvision.inference.build import build

_COMMON = ("max_length", "min_length", "no_repeat_ngram")
_BEAM = ("beam_size", "length_penalty", "n_best")
_SAMPLING = ("temperature", "top_k", "top_p", "n_best", "seed")
DECODERS: Mapping[str, tuple[type[Search], tuple[str, ...]]] = {
    "greedy": (GreedySearch, _COMMON),
    "beam": (BeamSearch, (*_COMMON, *_BEAM)),
    "diverse": (DiverseBeamSearch, (*_COMMON, *_BEAM)),
    "sample": (Sampling, (*_COMMON, *_SAMPLING)),
}


def make_decoder(decoding: str | None = None, **options: Any) -> Search:
    """The decoder of that name; options that are None are left to it.

    Without a name the options tell: a temperature, top-k or top-p means sampling, a beam's width, a length penalty or
    several captions a picture mean a beam, else it is greedy. Raises `UserError` for an option that the decoder would
    not heed.
    """
    given = {name: value for name, value in options.items() if value is not None}
    name = decoding or _implied(given)
    if name not in DECODERS:
        raise UserError(f"--decoding {name}: expected one of {', '.join(DECODERS)}")
    kind, known = DECODERS[name]
    for option in given:
        if option not in known and not (option == "n_best" and given[option] == 1):
            heeding = [other for other, (_, options) in DECODERS.items() if option in options]
            raise UserError(
                f"--{option.replace('_', '-')} does nothing with --decoding {name}; "
                f"leave it out, or take --decoding {' or '.join(heeding)}"
            )
    n_best = given.pop("n_best", 1)
    if name == "sample":
        given["samples"] = n_best
    elif name == "beam":
        given |= {"n_best": n_best, "beam_size": given.get("beam_size", max(5, n_best))}
    elif name == "diverse":
        groups = max(2, n_best)
        given |= {"n_best": n_best, "groups": groups, "beam_size": given.get("beam_size", 2 * groups)}
    return kind(**given)


def trained_decoder(config: Mapping[str, Any]) -> Search:
    """The decoder that a checkpoint's training validated with; greedy where its configuration names none.

    Raises `UserError` for anything that is no decoder of this package.
    """
    node = config.get("decoding") or {"_target_": "seqvision.decoding.GreedySearch"}
    try:
        found = build(node, registry.DECODERS, key="decoding")
    except UserError as error:
        raise UserError(f"{error}. Or give --decoding") from error
    if not isinstance(found, Search):
        raise UserError(f"decoding: the checkpoint describes a {type(found).__name__}, no decoder; give --decoding")
    return found


def _implied(given: Mapping[str, Any]) -> str:
    if {"temperature", "top_k", "top_p"} & set(given):
        return "sample"
    if {"beam_size", "length_penalty"} & set(given) or given.get("n_best", 1) > 1:
        return "beam"
    return "greedy"
