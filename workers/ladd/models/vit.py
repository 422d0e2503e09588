"""ViT as GLaD evaluates it: 512 wide, 8 heads, class token; without any LayerNorm above 32 px."""

import torch
from torch import Tensor, nn

from method.architectures import VIT_WIDTH as WIDTH
from method.architectures import vit_form

HEADS = 8
HEAD_WIDTH = 64
DROPOUT = 0.1


class Attention(nn.Module):
    """Multi-head self-attention over tokens [B, T, 512]; queries, keys and values have no bias.

    Written with plain matrix products: deterministic on a GPU, and seen by torch's flop counter.
    """

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * HEADS * HEAD_WIDTH, bias=False)
        self.project = nn.Linear(HEADS * HEAD_WIDTH, WIDTH)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens [B, T, 512] of tokens [B, T, 512]."""
        qkv = self.qkv(tokens).unflatten(-1, (3, HEADS, HEAD_WIDTH))
        queries, keys, values = qkv.permute(2, 0, 3, 1, 4)
        weights = (queries @ keys.transpose(-1, -2) * HEAD_WIDTH**-0.5).softmax(dim=-1)
        mixed = (weights @ values).transpose(1, 2).flatten(2)
        dropped: Tensor = self.dropout(self.project(mixed))
        return dropped


class TransformerLayer(nn.Module):
    """Attention and two linear layers, each part added to its input; a LayerNorm before each where `layer_norm`."""

    def __init__(self, layer_norm: bool) -> None:
        super().__init__()
        self.attention_norm = _norm(layer_norm)
        self.attention = Attention()
        self.feed_forward_norm = _norm(layer_norm)
        self.feed_forward = nn.Sequential(
            nn.Linear(WIDTH, WIDTH),
            nn.GELU(),
            nn.Dropout(DROPOUT),
            nn.Linear(WIDTH, WIDTH),
            nn.Dropout(DROPOUT),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens [B, T, 512] of tokens [B, T, 512]."""
        tokens = self.attention(self.attention_norm(tokens)) + tokens
        mixed: Tensor = self.feed_forward(self.feed_forward_norm(tokens)) + tokens
        return mixed


class ViT(nn.Module):
    """Vision transformer with the class token as its output.

    Up to 32 px, GLaD `networks/vit_cifar.py`: 4 px patches, 6 layers, LayerNorms. Above, `networks/vit.py`:
    16 px patches, 10 layers and no LayerNorm at all (that file switches every one of them off).
    Dropout 0.1 draws from torch's global generator: seed it (inside `torch.random.fork_rng`) to repeat a run.
    With 3 channels and 10 classes: 9,523,722 parameters at 32 px, 16,176,650 at 128 px.
    """

    def __init__(self, *, num_classes: int, channels: int, size: int) -> None:
        super().__init__()
        small = size <= 32
        self.patch, depth = vit_form(size)
        patches = (size // self.patch) ** 2
        self.position_embedding = nn.Parameter(torch.randn(1, patches + 1, WIDTH))
        self.class_token = nn.Parameter(torch.randn(1, 1, WIDTH))
        self.patch_embedding = nn.Linear(self.patch**2 * channels, WIDTH)
        self.dropout = nn.Dropout(DROPOUT)
        self.layers = nn.Sequential(*(TransformerLayer(layer_norm=small) for _ in range(depth)))
        self.norm = _norm(small)
        self.classifier = nn.Linear(WIDTH, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [B, num_classes] of images [B, C, H, W]."""
        tokens = self.patch_embedding(self._patches(images))
        tokens = torch.cat((self.class_token.expand(len(images), -1, -1), tokens), dim=1)
        tokens = self.layers(self.dropout(tokens + self.position_embedding))
        logits: Tensor = self.classifier(self.norm(tokens[:, 0]))
        return logits

    def _patches(self, images: Tensor) -> Tensor:
        """Cut images into patches [B, T, patch * patch * C], row by row, channels innermost."""
        batch, channels, height, width = images.shape
        rows, columns = height // self.patch, width // self.patch
        cells = images.reshape(batch, channels, rows, self.patch, columns, self.patch)
        return cells.permute(0, 2, 4, 3, 5, 1).reshape(batch, rows * columns, -1)


def _norm(layer_norm: bool) -> nn.Module:
    return nn.LayerNorm(WIDTH) if layer_norm else nn.Identity()
