"""Scores of generated text against references, equal to the reference implementations and without Java.

Here belong metrics that neither torch nor torchmetrics has, the numbers that guard them (diversity, shuffled
references, intervals) and the simple captioners that a network must beat. The captions' room needs numpy only; it
scores lists of words or plain sentences and never reads files of pictures, models or configurations.
"""

from seqvision.metrics.bleu import bleu
from seqvision.metrics.bootstrap import bootstrap_interval
from seqvision.metrics.captions import CaptionScores, caption_scores, shuffled_scores
from seqvision.metrics.cider import CiderReferences, DocumentFrequencies, cider_d
from seqvision.metrics.controls import most_frequent_caption, nearest_neighbour_captions
from seqvision.metrics.diversity import Diversity, collapse_message, diversity
from seqvision.metrics.meteor import meteor_missing, meteor_nltk
from seqvision.metrics.rouge import longest_common_subsequence, rouge_l
from seqvision.metrics.tokenize import tokenize_ptb

__all__ = [
    "caption_scores",
    "CaptionScores",
    "shuffled_scores",
    "tokenize_ptb",
    "bleu",
    "rouge_l",
    "longest_common_subsequence",
    "cider_d",
    "DocumentFrequencies",
    "CiderReferences",
    "meteor_nltk",
    "meteor_missing",
    "diversity",
    "Diversity",
    "collapse_message",
    "bootstrap_interval",
    "most_frequent_caption",
    "nearest_neighbour_captions",
]
