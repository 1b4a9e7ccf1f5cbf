"""Runs a study from images to report, and the demo."""

from radiofib.study.config import StudyConfig, find_study

__all__ = ["StudyConfig", "find_study"]
