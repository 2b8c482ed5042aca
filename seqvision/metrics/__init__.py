"""Scores of generated text, of classes and of labelled frames, equal to the reference implementations, without Java.

Here belong metrics that neither torch nor torchmetrics has, the numbers that guard them (diversity, shuffled
references, intervals) and the simple captioners, classifiers and labellers that a network must beat. Everything works
on lists of words, plain sentences or NumPy arrays and never reads files of pictures, models or configurations.
"""

from seqvision.metrics.bleu import bleu
from seqvision.metrics.bootstrap import bootstrap_interval
from seqvision.metrics.captions import CaptionScores, caption_scores, shuffled_scores
from seqvision.metrics.cider import CiderReferences, DocumentFrequencies, cider_d
from seqvision.metrics.classification import (
    ClassificationScores,
    Confusion,
    Reliability,
    classification_scores,
    commonest_confusions,
    majority_class,
    reliability,
)
from seqvision.metrics.controls import most_frequent_caption, nearest_neighbour_captions
from seqvision.metrics.diversity import Diversity, collapse_message, diversity
from seqvision.metrics.frames import FrameScores, frame_scores, segment_statistics
from seqvision.metrics.meteor import meteor_missing, meteor_nltk
from seqvision.metrics.multilabel import MultilabelScores, choose_thresholds, multilabel_scores
from seqvision.metrics.paired import PairedDifference, paired_difference
from seqvision.metrics.rouge import longest_common_subsequence, rouge_l
from seqvision.metrics.segments import Segments, SegmentStatistics, edit_distance, segments
from seqvision.metrics.shuffling import partners
from seqvision.metrics.smoothing import mode_filter, moving_average, tune_moving_average
from seqvision.metrics.tokenize import tokenize_ptb

__all__ = [
    "caption_scores",
    "CaptionScores",
    "shuffled_scores",
    "partners",
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
    "classification_scores",
    "ClassificationScores",
    "commonest_confusions",
    "Confusion",
    "reliability",
    "Reliability",
    "majority_class",
    "frame_scores",
    "FrameScores",
    "segment_statistics",
    "SegmentStatistics",
    "segments",
    "Segments",
    "edit_distance",
    "moving_average",
    "mode_filter",
    "tune_moving_average",
    "multilabel_scores",
    "MultilabelScores",
    "choose_thresholds",
    "paired_difference",
    "PairedDifference",
]
