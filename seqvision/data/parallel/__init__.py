"""Parallel text: sentences with their translations, from files of lines to named batches."""

from seqvision.data.parallel.batches import ParallelBatch, ParallelDataset, pad_sentences, parallel_batch
from seqvision.data.parallel.formats import read_parallel
from seqvision.data.parallel.module import ParallelData, ParallelFiles
from seqvision.data.parallel.records import ParallelText, SentencePair

__all__ = [
    "read_parallel",
    "ParallelText",
    "SentencePair",
    "ParallelData",
    "ParallelFiles",
    "ParallelBatch",
    "ParallelDataset",
    "parallel_batch",
    "pad_sentences",
]
