"""What a study file may say: strict, frozen, with defaults that need no explanation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from radiofib._checks import nearest
from radiofib.config import StrictModel
from radiofib.errors import ConfigError
from radiofib.prepare import RegistrationPlan, UltrasoundPlan
from radiofib.segment import MaskSettings
from radiofib.slides.labels.settings import SegmentSettings
from radiofib.slides.settings import SlideSettings
from radiofib.staging import StagerPlan
from radiofib.study.ablate_config import AblationConfig
from radiofib.study.clinical_config import ClinicalConfig
from radiofib.study.interpret_config import InterpretConfig

__all__ = [
    "CamConfig",
    "EvaluationConfig",
    "ExplainConfig",
    "SlidesConfig",
    "StudyConfig",
    "UncertaintyConfig",
    "find_study",
]

SetName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,30}$")]

PartName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,30}$")]

_RECIPES = Path(__file__).resolve().parent.parent / "recipes"


class EvaluationConfig(StrictModel):
    """How the stager is tested.

    Parameters
    ----------
    settings : list of {"cv", "loso", "fixed"}
        Patient-grouped cross-validation, leave-one-scanner-out, and fixed parts: trained on the
        part ``train`` of the cohort's column ``split``, tested on each other part. With
        ``fixed`` alone the stored stager knows the part ``train`` only.
    parts : dict of str to float
        For ``fixed``: part -> share of the patients, among them ``train``. Patients without a
        part in the cohort are dealt into them at random by stage; none is dealt when left out.
    folds : int
        Folds of the cross-validation.
    n_boot : int
        Patient-clustered bootstrap samples for the intervals.
    controls : bool
        Also run the negative controls: models that know only the image geometry or the scanner.
    """

    settings: tuple[Literal["cv", "loso", "fixed"], ...] = ("cv", "loso")
    parts: dict[PartName, Annotated[float, Field(gt=0, lt=1)]] = Field(default_factory=dict)
    folds: int = Field(default=5, ge=2)
    n_boot: int = Field(default=2000, ge=100)
    controls: bool = True

    @model_validator(mode="after")
    def _whole_parts(self) -> Self:
        if self.parts and "fixed" not in self.settings:
            raise ValueError("'parts' belongs to the setting 'fixed'")
        if self.parts and ("train" not in self.parts or abs(sum(self.parts.values()) - 1) > 1e-9):
            raise ValueError("'parts' must have a part 'train' and add up to 1")
        return self


class ExplainConfig(StrictModel):
    """How the stager is explained, on held-out folds.

    Parameters
    ----------
    repeats : int
        Permutations of each group of features in each fold.
    correlation : float
        Absolute rank correlation that joins features into a cluster.
    top : int
        Features whose partial dependence is drawn.
    grid : int
        Values of each of them.
    """

    repeats: int = Field(default=10, ge=1)
    correlation: float = Field(default=0.7, gt=0, lt=1)
    top: int = Field(default=8, ge=0)
    grid: int = Field(default=20, ge=2)


class CamConfig(StrictModel):
    """Class activation maps of a network's embedding.

    Parameters
    ----------
    maps : int
        Pictures drawn, the stages in turn.
    shuffles : int
        Maps with weights dealt to other features, to tell how far a map depends on them.
    """

    maps: int = Field(default=8, le=100)
    shuffles: int = Field(default=20, ge=1)

    @field_validator("maps")
    @classmethod
    def _some(cls, value: int) -> int:
        if value < 1:
            raise ValueError("one map or more; leave 'cam' out of the study for none")
        return value


class UncertaintyConfig(StrictModel):
    """What the stager says of its own certainty.

    Parameters
    ----------
    alpha : float
        Share of patients whose prediction set may miss the true stage.
    score : {"greedy", "tails"}
        How sets grow: :data:`radiofib.stats.conformal.SCORES`.
    rule_out, rule_in : float
        What ruling out and ruling in have to reach; what lies between is left open.
    rule_by : {"rates", "values"}
        Whether these are sensitivity and specificity, or NPV and PPV.
    """

    alpha: float = Field(default=0.1, gt=0, lt=1)
    score: Literal["greedy", "tails"] = "greedy"
    rule_out: float = Field(default=0.9, gt=0, lt=1)
    rule_in: float = Field(default=0.9, gt=0, lt=1)
    rule_by: Literal["rates", "values"] = "rates"


class SlidesConfig(StrictModel):
    """How whole-slide images of the cohort (channel ``wsi``) are read.

    Stages are never used in measuring: they withhold counts of tracts from stage 3 on (``radiofib
    slides run --stages``), and what is missing would tell a stager the stage.

    Parameters
    ----------
    mpp : float, optional
        Micrometres per pixel, for slides that do not say.
    model : str, optional
        Segmentation network (.onnx) or pixel classifier (.skops), relative to the root folder:
        portal tracts are counted and measured.
    card : str, optional
        File with facts the network does not state, relative to the root folder.
    labels : SegmentSettings, optional
        How the network is laid over slides, and which of its classes are portal tract and lobule.
    measures : SlideSettings, optional
        Resolutions and minimum sizes, and what counts as a portal tract.
    """

    mpp: float | None = Field(default=None, gt=0)
    model: str | None = None
    card: str | None = None
    labels: SegmentSettings | None = None
    measures: SlideSettings | None = None


class StudyConfig(StrictModel):
    """A whole study: where the data is, what is computed, how it is judged, what is written.

    Exactly one of `card` and `cohort` says where the data is.

    Parameters
    ----------
    title : str
        Heading of the report.
    card : str, optional
        Name of a packaged data card, or path of one.
    cohort : str, optional
        Cohort table, relative to the root folder.
    scheme : str, optional
        Stage scheme of a cohort table (``metavir``, ``scheuer`` ...).
    label : str
        Column with the stage.
    extraction : str or mapping, optional
        Configuration file of the extraction, or the configuration itself. Left out: the
        defaults for the kind of image.
    masks : MaskSettings, optional
        Where liver masks come from when the cohort has none.
    ultrasound : UltrasoundPlan, optional
        Clean ultrasound pictures and find their regions before features; without it they are
        measured as they are.
    registration : RegistrationPlan, optional
        Align the channels of each case before features; without it each is measured as it is.
    landmark_split : str, optional
        Cases of this split teach the landmarks of normalisation by ``nyul``.
    channel_sets : dict of str to list of str
        Name of a set -> its channels. The stager is trained and tested once for each set, on the
        same cases in the same folds; the first is the main one. Left out: all channels.
    feature_sets : dict of str to list of str
        Name of a set -> families of features (``glcm`` ...), or ``handcrafted`` and ``embedding``
        for all of either kind. Compared as channel sets are; a study names one or the other.
    submission : {"care-liver"}, optional
        Also predict the cases without a stage and write the challenge's file; needs the channel
        sets ``Contrast`` and ``NonContrast``.
    stager : StagerPlan
        The learner, and what is done before and around it.
    interpret : InterpretConfig, optional
        An interpretable model with tables of coefficients, tests and points.
    clinical : ClinicalConfig, optional
        Covariates and serum scores as models of their own, and what the features add to them.
    explain : ExplainConfig, optional
        Also compute importance and partial dependence of the features; not when left out.
    cam : CamConfig, optional
        Class activation maps of some pictures, for a set that is the embedding alone.
    ablate : AblationConfig, optional
        Design choices that ``radiofib ablate`` compares; ``radiofib run`` leaves them alone.
    uncertainty : UncertaintyConfig, optional
        Prediction sets, cut-offs with a grey zone, and a warning of cases unlike those of
        training; ``null`` for none.
    readers : str, optional
        Readers' scores of the cases, relative to the root folder, to compare with the models.
    main : str, optional
        Name of the target that the report's headline is about; named before the analysis.
    seed : int
        Seed of everything random.

    Examples
    --------
    >>> study = StudyConfig.parse({"title": "A study", "cohort": "cohort.csv"}, where="study.yaml")
    >>> study.stager.name, study.evaluation.folds
    ('logistic', 5)
    >>> StudyConfig.parse({"title": "A study"}, where="study.yaml")
    Traceback (most recent call last):
    radiofib.errors.ConfigError: study.yaml: name the data: give either 'card' or 'cohort'.
    """

    title: str
    description: str = ""
    card: str | None = None
    cohort: str | None = None
    scheme: str | None = None
    label: str = "stage"
    extraction: str | dict[str, Any] | None = None
    masks: MaskSettings | None = None
    ultrasound: UltrasoundPlan | None = None
    registration: RegistrationPlan | None = None
    landmark_split: str | None = None
    slides: SlidesConfig = SlidesConfig()
    stager: StagerPlan = StagerPlan()
    evaluation: EvaluationConfig = EvaluationConfig()
    channel_sets: dict[SetName, tuple[str, ...]] = Field(default_factory=dict)
    feature_sets: dict[SetName, tuple[str, ...]] = Field(default_factory=dict)
    submission: Literal["care-liver"] | None = None
    interpret: InterpretConfig | None = None
    clinical: ClinicalConfig | None = None
    explain: ExplainConfig | None = None
    cam: CamConfig | None = None
    ablate: AblationConfig | None = None
    uncertainty: UncertaintyConfig | None = UncertaintyConfig()
    readers: str | None = None
    main: str | None = None
    export: tuple[Literal["csv", "parquet", "sav", "rds", "dta", "xpt"], ...] = (
        "csv",
        "parquet",
        "sav",
        "rds",
    )
    examples: int = Field(default=6, ge=0, le=50)
    seed: int = Field(default=0, ge=0)

    def with_mask_folder(self, folder: Path) -> Self:
        """Return the study with another folder of liver masks.

        Examples
        --------
        >>> study = StudyConfig(title="A study", cohort="cohort.csv")
        >>> study.with_mask_folder(Path("masks")).masks.folder.name
        'masks'
        """
        masks = (self.masks or MaskSettings()).model_copy(update={"folder": folder})
        return self.model_copy(update={"masks": masks})

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.card is None and self.cohort is None and self.ablate and self.ablate.features:
            return self  # an ablation of a feature table needs no images
        if (self.card is None) == (self.cohort is None):
            raise ValueError("name the data: give either 'card' or 'cohort'")
        if self.card is not None and self.scheme is not None:
            raise ValueError("'scheme' belongs to a cohort table; a data card has its own")
        return self

    @model_validator(mode="after")
    def _useful_sets(self) -> Self:
        if self.channel_sets and self.feature_sets:
            raise ValueError("give channel_sets or feature_sets, not both")
        for what, sets in (("channel", self.channel_sets), ("feature", self.feature_sets)):
            holds = "channels" if what == "channel" else "families of features"
            for name, members in sets.items():
                if not members or len(set(members)) < len(members):
                    raise ValueError(f"{what} set {name!r} must list its {holds}, each once")
            if len({name.lower() for name in sets}) < len(sets):
                raise ValueError(f"names of {what} sets differ in case only")
        if self.submission is not None and set(self.channel_sets) != {"Contrast", "NonContrast"}:
            raise ValueError(
                "'submission: care-liver' needs the channel sets 'Contrast' and 'NonContrast'"
            )
        return self


def find_study(name: str) -> Path:
    """Return the study file of a path or of a packaged recipe's name.

    Raises
    ------
    ConfigError
        When there is neither, naming the recipes (those that begin alike, if any does).

    Examples
    --------
    >>> find_study("byra_rois").name
    'byra_rois.yaml'
    >>> find_study("lifs_ucl2")
    Traceback (most recent call last):
    radiofib.errors.ConfigError: lifs_ucl2: no such study file, and no packaged recipe of this name
    (expected a file, or one of lifs, lifs_hqu, ...; did you mean 'lifs_ucl'?).
    """
    path = Path(name)
    if path.exists():
        return path
    packaged = _RECIPES / f"{name}.yaml"
    if packaged.is_file() and packaged.parent == _RECIPES:
        return packaged
    recipes = sorted(file.stem for file in _RECIPES.glob("*.yaml"))
    start = name.partition("_")[0]
    alike = [r for r in recipes if r.partition("_")[0] == start] or recipes
    near = nearest(path.stem, recipes)
    guess = f"; did you mean {near!r}?" if near else ""
    raise ConfigError(
        "no such study file, and no packaged recipe of this name",
        where=name,
        expected=f"a file, or one of {', '.join(alike)}{guess}",
    )
