"""The grammar of a feature column: ``<channel>_<image>_<family>_<feature>``.

Lower case, ASCII, at most 63 characters, so that a column keeps its name in R, SPSS, Parquet
and CSV. Formats with shorter names (Stata, SAS transport) use :func:`aliases`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from radiofib._checks import list_some
from radiofib.errors import ConfigError

__all__ = [
    "ALIAS_LENGTH",
    "COLUMN_LENGTH",
    "aliases",
    "check_channel",
    "column_name",
    "image_label",
    "image_name",
    "image_token",
    "snake_case",
]

COLUMN_LENGTH = 63
ALIAS_LENGTH = 31
_COLUMN = re.compile(r"^[a-z][a-z0-9_]{0,62}$")
_CHANNEL = re.compile(r"^[a-z][a-z0-9]{0,9}$")
_LOG = re.compile(r"^log-sigma-(\d+)(?:-(\d+))?-mm-[23]D$")
_WAVELET = re.compile(r"^wavelet(\d*)-([LH]{2,3})$")
_LBP3D = re.compile(r"^lbp-3D-(m\d+|k)$")
_FIXED_IMAGES = {
    "original": "original",
    "square": "sq",
    "squareroot": "sqrt",
    "logarithm": "ln",
    "exponential": "exp",
    "gradient": "grad",
    "lbp-2D": "lbp2",
}
_FIXED_TOKENS = {token: image for image, token in _FIXED_IMAGES.items()}
_FIXED_LABELS = {
    "original": "original image",
    "sq": "squared image",
    "sqrt": "square-root image",
    "ln": "logarithm image",
    "exp": "exponential image",
    "grad": "gradient image",
    "lbp2": "2-D LBP",
}
_TOKEN_LOG = re.compile(r"^log(\d+)(?:p(\d*[1-9]))?mm$")
_TOKEN_WAVELET = re.compile(r"^w(\d*)([lh]{2,3})$")
_TOKEN_LBP3D = re.compile(r"^lbp3(m\d+|k)$")


def check_channel(channel: str, *, where: str | None = None) -> str:
    """Return the channel in lower case, or raise when it cannot start a column name.

    Examples
    --------
    >>> check_channel("GED4")
    'ged4'
    >>> check_channel("DWI_800")
    Traceback (most recent call last):
    radiofib.errors.ConfigError: channel name cannot be used in column names (expected a letter,
    then at most 9 letters or digits; found 'DWI_800'). Next: rename the channel, for example
    'dwi800'.
    """
    name = channel.strip().lower()
    if _CHANNEL.match(name):
        return name
    simple = re.sub(r"[^a-z0-9]", "", name).lstrip("0123456789")[:10]
    raise ConfigError(
        "channel name cannot be used in column names",
        where=where,
        expected="a letter, then at most 9 letters or digits",
        found=repr(channel),
        hint=f"rename the channel, for example {simple!r}" if simple else "rename the channel",
    )


def snake_case(name: str) -> str:
    """Turn pyradiomics' CamelCase feature name into snake case.

    Examples
    --------
    >>> snake_case("SmallAreaLowGrayLevelEmphasis"), snake_case("MCC"), snake_case("Imc1")
    ('small_area_low_gray_level_emphasis', 'mcc', 'imc1')
    >>> snake_case("10Percentile"), snake_case("Maximum2DDiameterSlice")
    ('percentile_10', 'maximum_2d_diameter_slice')
    """
    leading = re.match(r"^(\d+)(.+)$", name)
    if leading:
        name = f"{leading.group(2)}_{leading.group(1)}"
    name = re.sub(r"(?<=[a-z])(?=[A-Z0-9])(?!\d$)", "_", name)
    name = re.sub(r"(?<=[0-9A-Z])(?=[A-Z][a-z])", "_", name)
    return name.lower()


def image_token(image: str) -> str:
    """Return the short token of a pyradiomics image-type name.

    Examples
    --------
    >>> [image_token(i) for i in ("original", "wavelet-LLH", "wavelet2-HH", "log-sigma-3-0-mm-3D")]
    ['original', 'wllh', 'w2hh', 'log3mm']
    >>> image_token("log-sigma-1-5-mm-2D"), image_token("lbp-3D-m2"), image_token("squareroot")
    ('log1p5mm', 'lbp3m2', 'sqrt')
    >>> image_token("log-sigma-3-mm-3D")
    'log3mm'
    """
    if image in _FIXED_IMAGES:
        return _FIXED_IMAGES[image]
    if match := _LOG.match(image):
        # pyradiomics writes sigma 3 as "3" and sigma 3.0 as "3-0": one and the same filter.
        whole, part = match.group(1), (match.group(2) or "").rstrip("0")
        return f"log{whole}p{part}mm" if part else f"log{whole}mm"
    if match := _WAVELET.match(image):
        return f"w{match.group(1)}{match.group(2).lower()}"
    if match := _LBP3D.match(image):
        return f"lbp3{match.group(1)}"
    raise ConfigError(f"unknown image type {image!r}", expected=list_some(_FIXED_IMAGES, 20))


def image_name(token: str) -> str:
    """Return the pyradiomics image-type name of a token: the inverse of :func:`image_token`.

    Raises
    ------
    ConfigError
        When no image type has this token.

    Examples
    --------
    >>> [image_name(t) for t in ("sq", "w2hh", "log1p5mm", "lbp3m2")]
    ['square', 'wavelet2-HH', 'log-sigma-1-5-mm-3D', 'lbp-3D-m2']
    """
    if token in _FIXED_TOKENS:
        return _FIXED_TOKENS[token]
    if match := _TOKEN_LOG.match(token):
        return f"log-sigma-{match.group(1)}-{match.group(2) or '0'}-mm-3D"
    if match := _TOKEN_WAVELET.match(token):
        return f"wavelet{match.group(1)}-{match.group(2).upper()}"
    if match := _TOKEN_LBP3D.match(token):
        return f"lbp-3D-{match.group(1)}"
    raise ConfigError(
        f"unknown image token {token!r}",
        expected=f"{list_some(_FIXED_TOKENS, 20)}, w<bands>, log<sigma>mm or lbp3<level>",
    )


def image_label(token: str) -> str:
    """Return what a reader calls the filtered image.

    Examples
    --------
    >>> [image_label(t) for t in ("original", "wllh", "w2hh", "log1p5mm", "lbp3k")]
    ['original image', 'wavelet LLH', 'wavelet level 2 HH', 'LoG 1.5 mm', '3-D LBP kurtosis']
    """
    if token in _FIXED_LABELS:
        return _FIXED_LABELS[token]
    name = image_name(token)
    if match := _LOG.match(name):
        part = match.group(2).rstrip("0")
        return f"LoG {match.group(1)}{'.' + part if part else ''} mm"
    if match := _WAVELET.match(name):
        level = f"level {match.group(1)} " if match.group(1) else ""
        return f"wavelet {level}{match.group(2)}"
    order = token.removeprefix("lbp3")
    return "3-D LBP kurtosis" if order == "k" else f"3-D LBP order {order[1:]}"


def column_name(*parts: str) -> str:
    """Join the parts of a column name and check that it fits.

    Raises
    ------
    ConfigError
        When the result is not ``^[a-z][a-z0-9_]{0,62}$``.

    Examples
    --------
    >>> column_name("us", "original", "firstorder", "mean")
    'us_original_firstorder_mean'
    """
    name = "_".join(part for part in parts if part)
    if _COLUMN.match(name):
        return name
    too_long = len(name) - COLUMN_LENGTH
    raise ConfigError(
        "not a usable column name",
        expected="a letter, then lower-case letters, digits and '_', at most 63 characters",
        found=f"{name!r} ({len(name)} characters)",
        hint=f"shorten the channel name {parts[0]!r} by {too_long}" if too_long > 0 else None,
    )


def aliases(columns: Iterable[str], length: int = ALIAS_LENGTH) -> dict[str, str]:
    """Give every column a unique name of at most `length` characters.

    Short names stay. Longer ones keep their beginning and end in a hash of the whole name, so
    an alias does not depend on which other columns are in the table.

    Examples
    --------
    >>> list(aliases(["us_original_firstorder_mean"]).values())
    ['us_original_firstorder_mean']
    >>> name = "ged4_wllh_glszm_small_area_low_gray_level_emphasis"
    >>> aliases([name])[name]
    'ged4_wllh_glszm_small_ar_3a5aca'
    """
    result: dict[str, str] = {}
    owner: dict[str, str] = {}
    for column in columns:
        alias = column
        if len(column) > length:
            digest = hashlib.sha256(column.encode()).hexdigest()[:6]
            alias = f"{column[: length - 7]}_{digest}"
        if owner.setdefault(alias, column) != column:
            raise ConfigError(
                "two columns share one short alias",
                found=f"{column!r} and {owner[alias]!r} -> {alias!r}",
                hint="rename one of them",
            )
        result[column] = alias
    return result
