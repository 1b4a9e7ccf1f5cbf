"""What a study file may say: strict, frozen, with defaults that need no explanation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from radiofib.config import StrictModel
from radiofib.prepare import RegistrationPlan, UltrasoundPlan
from radiofib.segment import MaskSettings
from radiofib.staging import StagerPlan
from radiofib.study.ablate_config import AblationConfig
from radiofib.study.clinical_config import ClinicalConfig
from radiofib.study.interpret_config import InterpretConfig

__all__ = [
    "EvaluationConfig",
    "ExplainConfig",
    "SlidesConfig",
    "StudyConfig",
    "UncertaintyConfig",
    "find_study",
]

SetName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,30}$")]

_RECIPES = Path(__file__).resolve().parent.parent / "recipes"


class EvaluationConfig(StrictModel):
    """How the stager is tested.

    Parameters
    ----------
    settings : list of {"cv", "loso"}
        Patient-grouped cross-validation and leave-one-scanner-out.
    folds : int
        Folds of the cross-validation.
    n_boot : int
        Patient-clustered bootstrap samples for the intervals.
    controls : bool
        Also run the negative controls: models that know only the image geometry or the scanner.
    """

    settings: tuple[Literal["cv", "loso"], ...] = ("cv", "loso")
    folds: int = Field(default=5, ge=2)
    n_boot: int = Field(default=2000, ge=100)
    controls: bool = True


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

    Parameters
    ----------
    mpp : float, optional
        Micrometres per pixel, for slides that do not say.
    """

    mpp: float | None = Field(default=None, gt=0)


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
    radiofib.errors.ConfigError: study.yaml: name the data: give either 'card' or 'cohort'
    (found {'title': 'A study'}).
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
    submission: Literal["care-liver"] | None = None
    interpret: InterpretConfig | None = None
    clinical: ClinicalConfig | None = None
    explain: ExplainConfig | None = None
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
        for name, channels in self.channel_sets.items():
            if not channels or len(set(channels)) < len(channels):
                raise ValueError(f"channel set {name!r} must list its channels, each once")
        if len({name.lower() for name in self.channel_sets}) < len(self.channel_sets):
            raise ValueError("names of channel sets differ in case only")
        if self.submission is not None and set(self.channel_sets) != {"Contrast", "NonContrast"}:
            raise ValueError(
                "'submission: care-liver' needs the channel sets 'Contrast' and 'NonContrast'"
            )
        return self


def find_study(name: str) -> Path:
    """Return the study file of a path or of a packaged recipe's name.

    Examples
    --------
    >>> find_study("byra_rois").name
    'byra_rois.yaml'
    """
    path = Path(name)
    packaged = _RECIPES / f"{name}.yaml"
    return packaged if not path.exists() and packaged.is_file() else path
