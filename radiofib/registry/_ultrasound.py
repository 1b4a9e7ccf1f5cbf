"""Features of B-mode ultrasound, on greys or on the echo amplitude that a known law gives back.

Symbols: X are the greys of the region as the machine showed them, R = 10^(dB / 20) the echo
amplitude with dB = top + range (X - X_high) / (X_high - X_low) of the log compression, where it
is known, E the mean over the region; z is the depth in cm along the beam, f the frequency in MHz.
Features of R are missing without the law; a name with pseudo_ says that R was taken to be X.
Windows of px count where they lie in the region as a whole; px families depend on the size of a
pixel. d(e) = V(2 e) - V(e), with V(e) the mean of the highest minus the lowest grey within e px.
Statistics of speckle pool all pixels of a region, so that a fall of brightness with depth counts as
scatter: of Rayleigh speckle m is 1 and SNR 1.91, but 0.93 and 1.87 when the echo falls by 3 dB over
the region, and 0.27 and 1.12 when by 20 dB. Measure them in small regions, such as single patches.
"""

from __future__ import annotations

from radiofib.registry.spec import FeatureSpec

__all__ = ["ULTRASOUND"]

BURCKHARDT = "Burckhardt, IEEE Trans Sonics Ultrason 1978;25:1-6, doi 10.1109/T-SU.1978.30978"
SHANKAR = (
    "Shankar, IEEE Trans Ultrason Ferroelectr Freq Control 2000;47:727-736, doi 10.1109/58.842062"
)
DESTREMPES = (
    "Destrempes, Poree and Cloutier, SIAM J Imaging Sci 2013;6:1499-1530, doi 10.1137/120875727"
)
YAO = "Yao, Zagzebski and Madsen, Ultrason Imaging 1990;12:58-70, doi 10.1177/016173469001200105"
TSUI = "Tsui et al., Sci Rep 2017;7:41004, doi 10.1038/srep41004"
OJALA = (
    "Ojala, Pietikainen and Maenpaa, IEEE Trans Pattern Anal Mach Intell 2002;24:971-987, "
    "doi 10.1109/TPAMI.2002.1017623"
)
JAIN = "Jain and Farrokhnia, Pattern Recognit 1991;24:1167-1186, doi 10.1016/0031-3203(91)90143-S"
LAWS = "Laws, Proc SPIE 1980;238:376-381, doi 10.1117/12.959169"
CHEN = "Chen, Daponte and Fox, IEEE Trans Med Imaging 1989;8:133-142, doi 10.1109/42.24861"
DUBUC = "Dubuc et al., Proc R Soc Lond A 1989;425:113-127, doi 10.1098/rspa.1989.0101"
ALLAIN = "Allain and Cloitre, Phys Rev A 1991;44:3552-3558, doi 10.1103/PhysRevA.44.3552"
WEBB = "Webb et al., AJR Am J Roentgenol 2009;192:909-914, doi 10.2214/AJR.07.4016"

_PSEUDO = "with greys X in place of the amplitude: depends on gain and dynamic range"
_POOLED = "less where brightness falls with depth: take small regions"
_SNR = f"E[R] / SD(R); 1.91 for Rayleigh; {_POOLED}"
_NAKAGAMI = f"E[R^2]^2 / Var(R^2); 1 for Rayleigh; {_POOLED}"
_LEVELS = "32 levels from P1 to P99 of X, windows of 9 x 9 px"
_GABOR = (
    "E[|g * Y|^2 / (|g|^2 * M)] / Var(X), Y = X - E[X] in the region M and 0 outside, g a round"
)
_LAWS_VECTORS = ("l5", "e5", "s5", "r5", "w5")


def _spec(
    family: str, name: str, unit: str, label: str, formula: str, citation: str, scale: str = "1"
) -> FeatureSpec:
    return FeatureSpec(name, family, unit, label, formula, citation, applies="2d", scale=scale)


_SPECKLE = (
    _spec("speckle", "snr", "1", "speckle SNR", _SNR, BURCKHARDT),
    _spec(
        "speckle", "pseudo_snr", "1", "pseudo speckle SNR", f"E[X] / SD(X), {_PSEUDO}", BURCKHARDT
    ),
    _spec("speckle", "nakagami_m", "1", "Nakagami m", _NAKAGAMI, SHANKAR),
    _spec(
        "speckle",
        "nakagami_omega",
        "1",
        "Nakagami omega",
        "E[R^2], in units of the squared amplitude at 0 dB: changes with gain",
        SHANKAR,
    ),
    _spec(
        "speckle",
        "pseudo_nakagami_m",
        "1",
        "pseudo Nakagami m",
        f"E[X^2]^2 / Var(X^2), {_PSEUDO}",
        SHANKAR,
    ),
    _spec(
        "speckle",
        "hk_k",
        "1",
        "homodyned-K k",
        "s / sigma, coherent over diffuse amplitude, by the XU estimator: E[I log I] / E[I] - "
        "E[log I] and E[log I] - log E[I] of I = R^2 matched, 0 to 10",
        DESTREMPES,
    ),
    _spec(
        "speckle",
        "hk_alpha",
        "1",
        "homodyned-K alpha",
        "clustering of scatterers (shape of the gamma law of the diffuse power 2 sigma^2), by "
        "the XU estimator, 0.05 to 100",
        DESTREMPES,
    ),
)
_DEPTH = (
    _spec(
        "depth",
        "attenuation",
        "dB/(cm MHz)",
        "attenuation coefficient",
        "-d(20 log10 R)/dz / (2 f), least squares over all pixels; two-way path, flat TGC",
        YAO,
    ),
    _spec(
        "depth",
        "grey_depth_slope",
        "grey/cm",
        "slope of greys over depth",
        "dX/dz, least squares over all pixels: changes with TGC, dynamic range and frequency",
        "radiofib",
        "grey*mm^-1",
    ),
)
_ENTROPY = tuple(
    _spec("entropy", name, "bit", label, f"{what} of -sum p log2 p; {_LEVELS}", TSUI)
    for name, label, what in (
        ("map_mean", "mean local entropy", "mean over the map"),
        ("map_sd", "deviation of local entropy", "SD over the map"),
        ("map_p10", "10th percentile of local entropy", "P10 over the map"),
        ("map_p90", "90th percentile of local entropy", "P90 over the map"),
    )
)
_LBP = tuple(
    _spec(
        "lbp",
        f"r{radius}_{k}",
        "1",
        f"share of pattern {k}, radius {radius} px"
        if k < 9
        else f"share of other patterns, radius {radius} px",
        (
            f"share of pixels with {k} of 8 neighbours at {radius} px not darker, in one run"
            if k < 9
            else f"share of pixels whose 8 neighbours at {radius} px change side more than twice"
        ),
        OJALA,
    )
    for radius in (1, 2)
    for k in range(10)
)


def _gabor(wavelength: int) -> tuple[FeatureSpec, ...]:
    kernel = f"{_GABOR} Gabor kernel of {wavelength} px, one octave"
    energies = tuple(
        _spec(
            "gabor",
            f"energy_l{wavelength}_a{angle}",
            "1",
            f"Gabor energy {wavelength} px, {angle} degrees",
            f"{kernel}, at {angle} degrees; 1 for white noise",
            JAIN,
        )
        for angle in (0, 45, 90, 135)
    )
    last = _spec(
        "gabor",
        f"anisotropy_l{wavelength}",
        "1",
        f"Gabor anisotropy {wavelength} px",
        f"(max - min) / (max + min) of the four energies at {wavelength} px",
        f"radiofib; after {JAIN}",
    )
    return (*energies, last)


_GABORS = tuple(spec for wavelength in (4, 8, 16) for spec in _gabor(wavelength))
_LAWS = tuple(
    _spec(
        "laws",
        f"energy_{a}{b}",
        "1",
        f"Laws energy {a.upper()}{b.upper()}",
        f"E[|{a.upper()}{b.upper()} * X|] / SD(X)"
        if a == b
        else f"(E[|{a.upper()}{b.upper()} * X|] + E[|{b.upper()}{a.upper()} * X|]) / 2 / SD(X)",
        LAWS,
    )
    for i, a in enumerate(_LAWS_VECTORS)
    for b in _LAWS_VECTORS[i:]
    if (a, b) != ("l5", "l5")
)
_FRACTAL = (
    _spec(
        "fractal",
        "fbm_dimension",
        "1",
        "fractal dimension (Brownian)",
        "3 - H, H the slope of log E|X(p) - X(q)| over log |p - q|, four directions, to 8 px",
        CHEN,
    ),
    _spec(
        "fractal",
        "blanket_dimension",
        "1",
        "fractal dimension (blankets)",
        "3 - slope of log d(e) over log e, e = 1 to 4 px; flat blankets (variation method), free "
        "of the constant that a lattice adds",
        f"{DUBUC}; modified",
    ),
    *(
        _spec(
            "fractal",
            f"lacunarity_{size}",
            "1",
            f"lacunarity, boxes of {size} px",
            f"E[M^2] / E[M]^2, M the sum of greys in each box of {size} x {size} px: changes "
            "with gain",
            ALLAIN,
        )
        for size in (2, 4, 8, 16)
    ),
)
_HEPATORENAL = (
    _spec(
        "hepatorenal",
        "amplitude_ratio",
        "1",
        "hepatorenal ratio of amplitudes",
        "E[R] of the liver / E[R] of the renal cortex, both within the depths they share",
        f"radiofib; after {WEBB}",
    ),
    _spec(
        "hepatorenal",
        "grey_ratio",
        "1",
        "hepatorenal index (greys)",
        "E[X] of the liver / E[X] of the renal cortex, both within the depths they share: on "
        "log-compressed greys it changes with gain and dynamic range",
        WEBB,
    ),
)

#: Ultrasound features, in the order of table columns.
ULTRASOUND = (
    *_SPECKLE,
    *_DEPTH,
    *_ENTROPY,
    *_LBP,
    *_GABORS,
    *_LAWS,
    *_FRACTAL,
    *_HEPATORENAL,
)
