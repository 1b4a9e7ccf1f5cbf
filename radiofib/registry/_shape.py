"""Shape of the region in 3-D and 2-D, on the unfiltered image only.

Symbols: V and A are volume and area of the surface mesh through the half-way points between
voxels inside and outside; in 2-D, A is the area and P the perimeter of the outline mesh.
l1 >= l2 >= l3 are the eigenvalues of the covariance of the voxel centres in mm.
"""

from __future__ import annotations

from radiofib.registry._family import IBSI, MESH, PYRADIOMICS, Row, family

_CENTRES = "covariance of the voxel centres divides by N"

SHAPE = family(
    "shape",
    (
        Row("Elongation", "Q3CK", "1", "elongation", "sqrt(l2 / l1)"),
        Row("Flatness", "N17B", "1", "flatness", "sqrt(l3 / l1)"),
        Row(
            "LeastAxisLength",
            "7J51",
            "mm",
            "least axis length",
            "4 sqrt(l3)",
            note=_CENTRES,
            scale="mm",
        ),
        Row(
            "MajorAxisLength",
            "TDIC",
            "mm",
            "major axis length",
            "4 sqrt(l1)",
            note=_CENTRES,
            scale="mm",
        ),
        Row(
            "Maximum2DDiameterColumn",
            "",
            "mm",
            "largest diameter in a coronal plane",
            "max |a - b| over mesh vertices a, b in one plane of rows and slices",
            PYRADIOMICS,
            scale="mm",
        ),
        Row(
            "Maximum2DDiameterRow",
            "",
            "mm",
            "largest diameter in a sagittal plane",
            "max |a - b| over mesh vertices a, b in one plane of columns and slices",
            PYRADIOMICS,
            scale="mm",
        ),
        Row(
            "Maximum2DDiameterSlice",
            "",
            "mm",
            "largest diameter in an axial plane",
            "max |a - b| over mesh vertices a, b in one plane of rows and columns",
            PYRADIOMICS,
            scale="mm",
        ),
        Row(
            "Maximum3DDiameter",
            "L0JK",
            "mm",
            "largest diameter",
            "max |a - b| over all mesh vertices a, b",
            scale="mm",
        ),
        Row(
            "MeshVolume",
            "RNU0",
            "mm3",
            "volume of the mesh",
            "V = |sum of a . (b x c) / 6| over mesh triangles (a, b, c)",
            MESH,
            scale="mm^3",
        ),
        Row(
            "MinorAxisLength",
            "P9VJ",
            "mm",
            "minor axis length",
            "4 sqrt(l2)",
            note=_CENTRES,
            scale="mm",
        ),
        Row("Sphericity", "QCFX", "1", "sphericity", "(36 pi V^2)^(1/3) / A"),
        Row(
            "SurfaceArea",
            "C0JK",
            "mm2",
            "surface area of the mesh",
            "A = sum of |(b - a) x (c - a)| / 2 over mesh triangles (a, b, c)",
            MESH,
            scale="mm^2",
        ),
        Row(
            "SurfaceVolumeRatio", "2PR5", "1/mm", "surface to volume ratio", "A / V", scale="mm^-1"
        ),
        Row(
            "VoxelVolume",
            "YEKZ",
            "mm3",
            "volume of the voxels",
            "N times volume of one voxel",
            scale="mm^3",
        ),
        Row(
            "Compactness1",
            "SKGS",
            "1",
            "compactness 1",
            "V / sqrt(pi A^3)",
            deprecated=True,
        ),
        Row(
            "Compactness2",
            "BQWJ",
            "1",
            "compactness 2",
            "36 pi V^2 / A^3",
            deprecated=True,
        ),
        Row(
            "SphericalDisproportion",
            "KRCK",
            "1",
            "spherical disproportion",
            "A / (36 pi V^2)^(1/3)",
            deprecated=True,
        ),
    ),
    citation=IBSI,
    applies="3d",
)

SHAPE_2D = family(
    "shape2D",
    (
        Row("Elongation", "", "1", "elongation in the plane", "sqrt(l2 / l1)"),
        Row(
            "MajorAxisLength", "", "mm", "major axis length in the plane", "4 sqrt(l1)", scale="mm"
        ),
        Row(
            "MaximumDiameter",
            "",
            "mm",
            "largest diameter in the plane",
            "max |a - b| over outline vertices a, b",
            scale="mm",
        ),
        Row(
            "MeshSurface",
            "",
            "mm2",
            "area of the outline",
            "A = |sum of (a x b) / 2| over outline segments (a, b)",
            MESH,
            scale="mm^2",
        ),
        Row(
            "MinorAxisLength", "", "mm", "minor axis length in the plane", "4 sqrt(l2)", scale="mm"
        ),
        Row(
            "Perimeter",
            "",
            "mm",
            "perimeter",
            "P = sum of |a - b| over outline segments",
            MESH,
            scale="mm",
        ),
        Row("PerimeterSurfaceRatio", "", "1/mm", "perimeter to area ratio", "P / A", scale="mm^-1"),
        Row(
            "PixelSurface",
            "",
            "mm2",
            "area of the pixels",
            "N times area of one pixel",
            scale="mm^2",
        ),
        Row("Sphericity", "", "1", "circularity", "2 sqrt(pi A) / P"),
        Row(
            "SphericalDisproportion",
            "",
            "1",
            "circular disproportion",
            "P / (2 sqrt(pi A))",
            deprecated=True,
        ),
    ),
    citation=PYRADIOMICS,
    applies="2d",
)
