"""IBSI's texture matrices and features as the manual writes them, with no thought of speed."""

from __future__ import annotations

import math
from collections import Counter
from itertools import product

import numpy as np
from scipy import ndimage

Cells = Counter[tuple[int, int]]
NAN = math.nan
IN_SPACE = [d for d in product((-1, 0, 1), repeat=3) if d > (0, 0, 0)]
IN_PLANE = [d for d in IN_SPACE if d[0] == 0]
#: Features of each matrix, in the order of the reference values.
TAGS = {
    "cm": "joint_max joint_avg joint_var joint_entr diff_avg diff_var diff_entr sum_avg sum_var "
    "sum_entr energy contrast dissimilarity inv_diff inv_diff_norm inv_diff_mom "
    "inv_diff_mom_norm inv_var corr auto_corr clust_tend clust_shade clust_prom info_corr1 "
    "info_corr2",
    "rlm": "sre lre lgre hgre srlge srhge lrlge lrhge glnu glnu_norm rlnu rlnu_norm r_perc "
    "gl_var rl_var rl_entr",
    "szm": "sze lze lgze hgze szlge szhge lzlge lzhge glnu glnu_norm zsnu zsnu_norm z_perc "
    "gl_var zs_var zs_entr",
    "dzm": "sde lde lgze hgze sdlge sdhge ldlge ldhge glnu glnu_norm zdnu zdnu_norm z_perc "
    "gl_var zd_var zd_entr",
    "ngl": "lde hde lgce hgce ldlge ldhge hdlge hdhge glnu glnu_norm dcnu dcnu_norm dc_perc "
    "gl_var dc_var dc_entr dc_energy",
}


def voxels(levels: np.ndarray) -> dict[tuple[int, ...], int]:
    return {tuple(map(int, at)): int(levels[tuple(at)]) for at in np.argwhere(levels > 0)}


def ahead(at: tuple[int, ...], direction: tuple[int, ...], n: int = 1) -> tuple[int, ...]:
    return tuple(a + n * d for a, d in zip(at, direction, strict=True))


def pairs(levels: np.ndarray, direction: tuple[int, ...]) -> Cells:
    inside = voxels(levels)
    counts: Cells = Counter()
    for at, level in inside.items():
        other = inside.get(ahead(at, direction))
        if other is not None:
            counts[level, other] += 1
            counts[other, level] += 1
    return counts


def runs(levels: np.ndarray, direction: tuple[int, ...]) -> Cells:
    inside = voxels(levels)
    counts: Cells = Counter()
    for at, level in inside.items():
        if inside.get(ahead(at, direction, -1)) != level:
            n = 1
            while inside.get(ahead(at, direction, n)) == level:
                n += 1
            counts[level, n] += 1
    return counts


def zones(levels: np.ndarray) -> list[tuple[int, set[tuple[int, ...]]]]:
    left = voxels(levels)
    found = []
    while left:
        start, level = next(iter(left.items()))
        zone, edge = {start}, [start]
        while edge:
            at = edge.pop()
            for step in product((-1, 0, 1), repeat=3):
                near = ahead(at, step)
                if near not in zone and left.get(near) == level:
                    zone.add(near)
                    edge.append(near)
        for at in zone:
            del left[at]
        found.append((level, zone))
    return found


def distances(mask: np.ndarray, *, in_plane: bool) -> np.ndarray:
    """Iterative erosion, as the manual describes it."""
    element = ndimage.generate_binary_structure(3, 1)
    if in_plane:
        element[[0, 2]] = False
    depth = np.zeros(mask.shape, dtype=int)
    left = mask.copy()
    while left.any():
        depth += left
        left = ndimage.binary_erosion(left, element)
    return depth


def dependences(levels: np.ndarray) -> Cells:
    inside = voxels(levels)
    counts: Cells = Counter()
    for at, level in inside.items():
        steps = product((-1, 0, 1), repeat=3)
        counts[level, sum(inside.get(ahead(at, step)) == level for step in steps)] += 1
    return counts


def tones(levels: np.ndarray) -> dict[int, np.ndarray]:
    inside = voxels(levels)
    found: dict[int, np.ndarray] = {}
    for at, level in inside.items():
        steps = [s for s in product((-1, 0, 1), repeat=3) if s != (0, 0, 0)]
        near = [inside[ahead(at, s)] for s in steps if ahead(at, s) in inside]
        if near:
            away = abs(level - sum(near) / len(near))
            found[level] = found.get(level, np.zeros(2)) + np.array([1, away])
    return found


def of_pairs(counts: Cells, n_levels: int) -> dict[str, float]:
    n = sum(counts.values())
    names = TAGS["cm"].split()
    if not n:
        return dict.fromkeys(names, NAN)
    p = {cell: count / n for cell, count in counts.items()}
    px: Counter[int] = Counter()
    diff: Counter[int] = Counter()
    total: Counter[int] = Counter()
    for (i, j), share in p.items():
        px[i] += share
        diff[abs(i - j)] += share
        total[i + j] += share
    mean = sum(i * share for i, share in px.items())
    variance = sum((i - mean) ** 2 * share for i, share in px.items())
    d_mean = sum(k * share for k, share in diff.items())
    hx, hxy = entropy(px), entropy(p)
    hxy1 = -sum(share * math.log2(px[i] * px[j]) for (i, j), share in p.items())
    hxy2 = -sum(a * b * math.log2(a * b) for a in px.values() for b in px.values())

    def cluster(power: int) -> float:
        return sum((i + j - 2 * mean) ** power * share for (i, j), share in p.items())

    covariance = sum((i - mean) * (j - mean) * share for (i, j), share in p.items())
    one_level = len(px) == 1
    values = (
        max(p.values()),
        mean,
        variance,
        hxy,
        d_mean,
        sum((k - d_mean) ** 2 * share for k, share in diff.items()),
        entropy(diff),
        sum(k * share for k, share in total.items()),
        sum((k - 2 * mean) ** 2 * share for k, share in total.items()),
        entropy(total),
        sum(share**2 for share in p.values()),
        sum((i - j) ** 2 * share for (i, j), share in p.items()),
        sum(abs(i - j) * share for (i, j), share in p.items()),
        sum(share / (1 + abs(i - j)) for (i, j), share in p.items()),
        sum(share / (1 + abs(i - j) / n_levels) for (i, j), share in p.items()),
        sum(share / (1 + (i - j) ** 2) for (i, j), share in p.items()),
        sum(share / (1 + (i - j) ** 2 / n_levels**2) for (i, j), share in p.items()),
        2 * sum(share / (i - j) ** 2 for (i, j), share in p.items() if j > i),
        NAN if one_level else covariance / variance,
        sum(i * j * share for (i, j), share in p.items()),
        cluster(2),
        cluster(3),
        cluster(4),
        NAN if one_level else (hxy - hxy1) / hx,
        math.sqrt(max(0.0, 1 - math.exp(-2 * (hxy2 - hxy)))),
    )
    return dict(zip(names, values, strict=True))


def entropy(p: dict) -> float:
    return -sum(share * math.log2(share) for share in p.values())


def of_cells(counts: Cells, n_voxels: int, family: str) -> dict[str, float]:
    n = sum(counts.values())
    rows: Counter[int] = Counter()
    columns: Counter[int] = Counter()
    for (i, j), count in counts.items():
        rows[i] += count
        columns[j] += count
    p = {cell: count / n for cell, count in counts.items()}

    def moment(a: int, b: int) -> float:
        return sum(float(i) ** a * float(j) ** b * share for (i, j), share in p.items())

    values = [moment(0, -2), moment(0, 2), moment(-2, 0), moment(2, 0)]
    values += [moment(-2, -2), moment(2, -2), moment(-2, 2), moment(2, 2)]
    for margin in (rows, columns):
        squares = sum(count**2 for count in margin.values())
        values += [squares / n, squares / n**2]
    values.append(n / n_voxels)
    values.append(sum((i - moment(1, 0)) ** 2 * share for (i, _), share in p.items()))
    values.append(sum((j - moment(0, 1)) ** 2 * share for (_, j), share in p.items()))
    values.append(entropy(p))
    values.append(sum(share**2 for share in p.values()))
    return dict(zip(TAGS[family].split(), values, strict=False))


def of_tones(found: dict[int, np.ndarray]) -> dict[str, float]:
    n = sum(one[0] for one in found.values())
    p = {level: one[0] / n for level, one in found.items()}
    s = {level: one[1] for level, one in found.items()}
    both = list(product(found, repeat=2))
    ps = sum(p[i] * s[i] for i in found)
    total = sum(s.values())
    apart = sum(abs(i * found[i][0] - j * found[j][0]) for i, j in both)
    many = len(found)
    spread = sum(p[i] * p[j] * (i - j) ** 2 for i, j in both)
    complexity = sum(abs(i - j) * (p[i] * s[i] + p[j] * s[j]) / (p[i] + p[j]) for i, j in both)
    return {
        "coarseness": min(1 / ps, 1e6) if ps else NAN,
        "contrast": spread / (many * (many - 1)) * total / n if many > 1 else NAN,
        "busyness": ps / (apart / n) if apart else NAN,
        "complexity": complexity / n if n else NAN,
        "strength": sum((p[i] + p[j]) * (i - j) ** 2 for i, j in both) / total if total else NAN,
    }


def texture(
    levels: np.ndarray, n_levels: int, family: str, aggregation: str, mask: np.ndarray
) -> dict[str, float]:
    """Values of one family under one aggregation."""
    cube = levels.reshape((1,) * (3 - levels.ndim) + levels.shape)
    depth = distances(mask.reshape(cube.shape), in_plane=not aggregation.startswith("3d"))
    if aggregation.startswith("3d"):
        units, directions = [(cube, depth)], IN_SPACE
    else:
        units = [(cube[z : z + 1], depth[z : z + 1]) for z in range(len(cube)) if cube[z].any()]
        directions = IN_PLANE
    if family == "ngt":
        return _mean([of_tones(one) for one in _tones(units, merged=aggregation == "2_5d")])
    groups: dict[tuple[int, int], tuple[Cells, int]] = {}
    for u, (unit, far) in enumerate(units):
        for d, counts in enumerate(_matrices(unit, far, family, directions)):
            keep_unit = aggregation in ("2d_avg", "2d_comb", "2d")
            keep_direction = aggregation.endswith("avg")
            key = (u if keep_unit else 0, d if keep_direction else 0)
            before, n = groups.get(key, (Counter(), 0))
            groups[key] = (before + counts, n + int(np.count_nonzero(unit)))
    if family == "cm":
        return _mean([of_pairs(counts, n_levels) for counts, _ in groups.values()])
    return _mean([of_cells(counts, n, family) for counts, n in groups.values()])


def _matrices(unit: np.ndarray, far: np.ndarray, family: str, directions: list) -> list[Cells]:
    if family == "cm":
        return [pairs(unit, direction) for direction in directions]
    if family == "rlm":
        return [runs(unit, direction) for direction in directions]
    if family == "szm":
        return [Counter((level, len(zone)) for level, zone in zones(unit))]
    if family == "dzm":
        return [Counter((level, min(int(far[at]) for at in zone)) for level, zone in zones(unit))]
    return [dependences(unit)]


def _tones(units: list, *, merged: bool) -> list[dict[int, np.ndarray]]:
    found = [tones(unit) for unit, _ in units]
    if not merged:
        return found
    sums: dict[int, np.ndarray] = {}
    for one in found:
        for level, row in one.items():
            sums[level] = sums.get(level, np.zeros(2)) + row
    return [sums]


def _mean(matrices: list[dict[str, float]]) -> dict[str, float]:
    out = {}
    for name in matrices[0]:
        known = [values[name] for values in matrices if not math.isnan(values[name])]
        out[name] = sum(known) / len(known) if known else NAN
    return out
