"""Sentences into words, as the Penn Treebank's conventions and the COCO caption evaluation have it."""


def tokenize_ptb(text):
    return text.lower().split()
