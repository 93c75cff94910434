"""Vision transformers: ViT-B, ViT-L and ViT-H."""

import math
from collections import OrderedDict
from functools import partial

from ... import functions as fn
from ...nn import (
    GELU,
    Conv2d,
    Dropout,
    LayerNorm,
    Linear,
    Module,
    MultiheadAttention,
    Sequential,
    Tanh,
    init,
)
from ...nn.parameter import Parameter
from ..ops.misc import MLP
from ..transforms.interpolation import InterpolationMode
from ._api import WeightsEnum, imagenet_weights, loaded, register_model


class MLPBlock(MLP):
    """The two linear layers of an encoder block.

    Source: torchvision.models.vision_transformer.MLPBlock
    """

    def __init__(self, in_dim, mlp_dim, dropout):
        super().__init__(in_dim, [mlp_dim, in_dim], activation_layer=GELU, inplace=None, dropout=dropout)
        for module in self.modules():
            if isinstance(module, Linear):
                init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    init.normal_(module.bias, std=1e-6)


class EncoderBlock(Module):
    """Attention and an MLP, each after a norm and beside a shortcut.

    Source: torchvision.models.vision_transformer.EncoderBlock
    """

    def __init__(self, num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer):
        super().__init__()
        self.num_heads = num_heads
        self.ln_1 = norm_layer(hidden_dim)
        self.self_attention = MultiheadAttention(
            hidden_dim, num_heads, dropout=attention_dropout, batch_first=True
        )
        self.dropout = Dropout(dropout)
        self.ln_2 = norm_layer(hidden_dim)
        self.mlp = MLPBlock(hidden_dim, mlp_dim, dropout)

    def forward(self, input):
        normed = self.ln_1(input)
        attended, _ = self.self_attention(normed, normed, normed, need_weights=False)
        x = self.dropout(attended) + input
        return x + self.mlp(self.ln_2(x))


class Encoder(Module):
    """Positions added, the encoder blocks, a norm.

    Source: torchvision.models.vision_transformer.Encoder
    """

    def __init__(
        self,
        seq_length,
        num_layers,
        num_heads,
        hidden_dim,
        mlp_dim,
        dropout,
        attention_dropout,
        norm_layer,
    ):
        super().__init__()
        self.pos_embedding = Parameter(fn.empty(1, seq_length, hidden_dim).normal_(std=0.02))
        self.dropout = Dropout(dropout)
        layers = OrderedDict()
        for index in range(num_layers):
            layers[f"encoder_layer_{index}"] = EncoderBlock(
                num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer
            )
        self.layers = Sequential(layers)
        self.ln = norm_layer(hidden_dim)

    def forward(self, input):
        return self.ln(self.layers(self.dropout(input + self.pos_embedding)))


class VisionTransformer(Module):
    """A transformer over the patches of a picture (N, 3, image_size, image_size).

    Args:
        patch_size: side of a patch in pixels, a divisor of image_size.
        representation_size: size of a layer with tanh before the classifier; none by default.

    Source: torchvision.models.VisionTransformer, after Dosovitskiy et al. 2021.
    """

    def __init__(
        self,
        image_size,
        patch_size,
        num_layers,
        num_heads,
        hidden_dim,
        mlp_dim,
        dropout=0.0,
        attention_dropout=0.0,
        num_classes=1000,
        representation_size=None,
        norm_layer=None,
    ):
        super().__init__()
        if image_size % patch_size:
            raise ValueError(f"Input shape indivisible by patch size: {image_size} by {patch_size}")
        norm_layer = norm_layer or partial(LayerNorm, eps=1e-6)
        self.image_size = image_size
        self.patch_size = patch_size
        self.hidden_dim = hidden_dim
        self.mlp_dim = mlp_dim
        self.attention_dropout = attention_dropout
        self.dropout = dropout
        self.num_classes = num_classes
        self.representation_size = representation_size
        self.norm_layer = norm_layer
        self.conv_proj = Conv2d(3, hidden_dim, kernel_size=patch_size, stride=patch_size)
        self.seq_length = (image_size // patch_size) ** 2 + 1
        self.class_token = Parameter(fn.zeros(1, 1, hidden_dim))
        self.encoder = Encoder(
            self.seq_length,
            num_layers,
            num_heads,
            hidden_dim,
            mlp_dim,
            dropout,
            attention_dropout,
            norm_layer,
        )
        self.heads = Sequential(_head(hidden_dim, representation_size, num_classes))
        self._initialize_weights()

    def _initialize_weights(self):
        fan_in = 3 * self.patch_size**2
        init.trunc_normal_(self.conv_proj.weight, std=math.sqrt(1 / fan_in))
        init.zeros_(self.conv_proj.bias)
        if self.representation_size is not None:
            pre_logits = self.heads.pre_logits
            init.trunc_normal_(pre_logits.weight, std=math.sqrt(1 / pre_logits.in_features))
            init.zeros_(pre_logits.bias)
        init.zeros_(self.heads.head.weight)
        init.zeros_(self.heads.head.bias)

    def _process_input(self, x):
        """Patches as a sequence (N, (H / p) (W / p), hidden_dim)."""
        N, _, H, W = x.shape
        if (H, W) != (self.image_size, self.image_size):
            raise AssertionError(
                f"Wrong image size! Expected {self.image_size} by {self.image_size} but got {H} by {W}!"
            )
        patches = self.conv_proj(x)
        return patches.reshape(N, self.hidden_dim, -1).permute(0, 2, 1)

    def forward(self, x):
        x = self._process_input(x)
        token = self.class_token.expand(x.shape[0], -1, -1)
        x = self.encoder(fn.cat([token, x], dim=1))
        return self.heads(x[:, 0])


def _head(hidden_dim, representation_size, num_classes):
    if representation_size is None:
        return OrderedDict(head=Linear(hidden_dim, num_classes))
    return OrderedDict(
        pre_logits=Linear(hidden_dim, representation_size),
        act=Tanh(),
        head=Linear(representation_size, num_classes),
    )


def _vit(weights, patch_size, num_layers, num_heads, hidden_dim, mlp_dim, settings):
    image_size = settings.pop("image_size", None)
    published = weights.meta["min_size"][0] if isinstance(weights, WeightsEnum) else None
    if published is not None and image_size not in (None, published):
        raise ValueError(f"{weights} takes pictures of {published} pixels, got image_size={image_size}")
    size = image_size or published or 224
    model = VisionTransformer(size, patch_size, num_layers, num_heads, hidden_dim, mlp_dim, **settings)
    return loaded(model, weights)


def _swag(filename, num_params, size):
    """Weights trained on a larger set first; they take pictures resized with bicubic interpolation."""
    mode = InterpolationMode.BICUBIC
    return imagenet_weights(filename, num_params, size, size, (size, size), interpolation=mode)


class ViT_B_16_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("vit_b_16-c867db91.pth", 86567656, min_size=(224, 224))
    IMAGENET1K_SWAG_E2E_V1 = _swag("vit_b_16_swag-9ac1b537.pth", 86859496, 384)
    IMAGENET1K_SWAG_LINEAR_V1 = _swag("vit_b_16_lc_swag-4e70ced5.pth", 86567656, 224)
    DEFAULT = IMAGENET1K_V1


class ViT_B_32_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("vit_b_32-d86f8d99.pth", 88224232, min_size=(224, 224))
    DEFAULT = IMAGENET1K_V1


class ViT_L_16_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("vit_l_16-852ce7e3.pth", 304326632, resize_size=242, min_size=(224, 224))
    IMAGENET1K_SWAG_E2E_V1 = _swag("vit_l_16_swag-4f3808c9.pth", 305174504, 512)
    IMAGENET1K_SWAG_LINEAR_V1 = _swag("vit_l_16_lc_swag-4d563306.pth", 304326632, 224)
    DEFAULT = IMAGENET1K_V1


class ViT_L_32_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("vit_l_32-c7638314.pth", 306535400, min_size=(224, 224))
    DEFAULT = IMAGENET1K_V1


class ViT_H_14_Weights(WeightsEnum):
    IMAGENET1K_SWAG_E2E_V1 = _swag("vit_h_14_swag-80465313.pth", 633470440, 518)
    IMAGENET1K_SWAG_LINEAR_V1 = _swag("vit_h_14_lc_swag-c1eb923e.pth", 632045800, 224)
    DEFAULT = IMAGENET1K_SWAG_E2E_V1


@register_model(ViT_B_16_Weights)
def vit_b_16(weights, **settings):
    """ViT-B with patches of 16. `weights`: None, a path, or a member of its enum; `settings`: of
    `VisionTransformer`.
    """
    return _vit(weights, 16, 12, 12, 768, 3072, settings)


@register_model(ViT_B_32_Weights)
def vit_b_32(weights, **settings):
    """ViT-B with patches of 32."""
    return _vit(weights, 32, 12, 12, 768, 3072, settings)


@register_model(ViT_L_16_Weights)
def vit_l_16(weights, **settings):
    """ViT-L with patches of 16."""
    return _vit(weights, 16, 24, 16, 1024, 4096, settings)


@register_model(ViT_L_32_Weights)
def vit_l_32(weights, **settings):
    """ViT-L with patches of 32."""
    return _vit(weights, 32, 24, 16, 1024, 4096, settings)


@register_model(ViT_H_14_Weights)
def vit_h_14(weights, **settings):
    """ViT-H with patches of 14."""
    return _vit(weights, 14, 32, 16, 1280, 5120, settings)
