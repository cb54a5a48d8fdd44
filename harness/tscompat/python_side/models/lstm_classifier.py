"""A classifier of token sequences; its counterpart: dotnet/Peer/Models/LstmClassifier.cs. Imports torch."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn


class LstmClassifier(nn.Module):
    """Tokens below 100 (batch, time) to the scores of four classes (batch, 4), from the output at the last token."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, 16)
        self.lstm = nn.LSTM(16, 32, num_layers=2, batch_first=True, bidirectional=True)
        self.output = nn.Linear(64, 4)

    def forward(self, tokens: Tensor) -> Tensor:
        steps, _ = self.lstm(self.embedding(tokens))
        return self.output(steps[:, -1])


ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {"lstm-classifier": LstmClassifier}
