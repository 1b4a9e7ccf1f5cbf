"""What is claimed of recalibration on simulated cohorts; set before it was measured.

Calibration is read from cross-validated predictions of the cohort (every row predicted by a
model that did not see its patient), as a study reports them, and from 20,000 new patients.
On new patients the error of one cohort is that of its own number of events (a standard error
of about 1 / sqrt(600 x 0.1 x 0.9) = 0.14 whatever the method), so that only the mean over
cohorts can be held against 0.1.
"""

from __future__ import annotations

from radiofib.simulate.imbalanced import ImbalanceSettings

SEEDS = range(20)
PATIENTS = 600
NEW_PATIENTS = 20000
OUTER, INNER = 5, 5

#: One patient in ten has S4; the best AUC possible is 0.785.
COHORT = ImbalanceSettings()
#: Cohorts of someone else: no effect at all; a larger effect, a less rare stage, two rows each.
NO_EFFECT = ImbalanceSettings(effect=0.0)
OTHER = ImbalanceSettings(effect=0.8, mix=(0.8, 0.2), features=40, rows_per_patient=2)

#: Before the correction calibration-in-the-large is further from 0 than this, its interval
#: without 0, for every seed.
OFF_BEFORE = 0.3
#: After it, it lies within this for at least so many of the seeds, and for the mean over new
#: patients.
WITHIN = 0.1
LEAST_SEEDS = 18
#: The Brier score falls for at least as many; the median slope lies between these.
SLOPE = (0.8, 1.25)

#: Shuffled labels: the mean Youden index of cut-offs chosen on training rows lies within so
#: many of its standard errors of 0, that of cut-offs chosen on the test rows above this.
NULL_ERRORS = 3.0
NAIVE_YOUDEN = 0.1
