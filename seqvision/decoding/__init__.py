"""Ways to read a sequence out of a model: greedy, sampling, beam search, over anything that offers start() and step().

What belongs here works for every model alike and knows nothing of words, pictures or files. A decoder is an object
with plain options; `decoder(model, features)` gives every picture's hypotheses, best first. A new way of decoding is a
`Search` with one method `_search`; one whose captions do not depend on each other is a `Walk` with one `_choose`.
Labels of frames are no words: `LabelPath` chooses them, from probabilities that are all there.
"""

from seqvision.decoding.beam import BeamSearch, DiverseBeamSearch
from seqvision.decoding.ensemble import Ensemble
from seqvision.decoding.label_path import LabelPath, TunedLabelPath, with_features
from seqvision.decoding.protocol import Decodable, Hypothesis, PyTree, StepOutput, select_beams, select_rows
from seqvision.decoding.search import Search
from seqvision.decoding.walk import GreedySearch, Sampling, Walk

__all__ = [
    "Decodable",
    "StepOutput",
    "PyTree",
    "Hypothesis",
    "GreedySearch",
    "Sampling",
    "BeamSearch",
    "DiverseBeamSearch",
    "Ensemble",
    "LabelPath",
    "TunedLabelPath",
    "with_features",
    "Search",
    "Walk",
    "select_beams",
    "select_rows",
]
