"""Words of items as vectors: what models may read off the content of items that nobody answered."""

import hashlib
from collections import Counter
from collections.abc import Mapping

import numpy as np
import orjson
import torch

from knowtrace.domain import FIRST_KNOWN, DescribedItem, Vocabulary

WIDTH = 512
"""Numbers per item. More words than that share numbers by hashes with signs (Weinberger et al., ICML 2009)."""


def content_vectors(vocabulary: Vocabulary, described: Mapping[str, DescribedItem]) -> torch.Tensor | None:
    """Return vectors (num_items, D) of length 1 with D <= WIDTH, zero for items without content; None if all are.

    A word weighs (1 + log of how often it stands in the item) times the log of how rare it is among items. Words of one
    item alone, or of all, say nothing of others.
    """
    counts = [
        Counter[str](found.words) if (found := described.get(item.item_id)) else Counter[str]()
        for item in vocabulary.items
    ]
    having = Counter(word for of_item in counts for word in of_item)
    num_described = sum(bool(of_item) for of_item in counts)
    words = sorted(word for word, items in having.items() if 1 < items < num_described)
    if not words:
        return None
    place = {word: _place(word, n, len(words)) for n, word in enumerate(words)}
    vectors = np.zeros((vocabulary.num_item_indices, min(len(words), WIDTH)), dtype=np.float32)
    for index, of_item in enumerate(counts, FIRST_KNOWN):
        for word, number in of_item.items():
            if word in place:
                column, sign = place[word]
                rarity = np.log((1 + num_described) / having[word])
                vectors[index, column] += sign * (1 + np.log(number)) * rarity
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return torch.from_numpy(vectors / np.where(lengths > 0, lengths, 1))


def _place(word: str, rank: int, num_words: int) -> tuple[int, int]:
    if num_words <= WIDTH:
        return rank, 1
    number = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest())
    return number // 2 % WIDTH, 1 if number % 2 else -1


def content_fingerprint(described: Mapping[str, DescribedItem]) -> str:
    """Return a hash of all described items; empty where there are none."""
    if not described:
        return ""
    digest = hashlib.blake2b(digest_size=16)
    for item_id in sorted(described):
        found = described[item_id]
        # As JSON, no text of one field can be taken for another's end.
        digest.update(orjson.dumps([item_id, found.skill_ids, found.words]))
    return digest.hexdigest()
