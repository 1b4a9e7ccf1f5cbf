"""What a stager looks at: exact SHAP of trees, permutation of groups, partial dependence."""

from radiofib.evaluation.explain.explainer import (
    DEPENDENCE_COLUMNS,
    IMPORTANCE_COLUMNS,
    Explanation,
    explain_stager,
)
from radiofib.evaluation.explain.groups import FeatureGroups, correlation_clusters, feature_groups
from radiofib.evaluation.explain.tree_shap import TreeShap, target_shap, tree_shap

__all__ = [
    "DEPENDENCE_COLUMNS",
    "IMPORTANCE_COLUMNS",
    "Explanation",
    "FeatureGroups",
    "TreeShap",
    "correlation_clusters",
    "explain_stager",
    "feature_groups",
    "target_shap",
    "tree_shap",
]
