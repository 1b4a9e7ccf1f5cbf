# Refits the interpretable models of this run in R and prints R's coefficients beside radiofib's.
# Run it from this folder, which holds features.rds:
#   setwd("...")    then    source("refit.R")
# Binary: stats::glm. Ordinal: ordinal::clm, or else rms::lrm. Firth: logistf::logistf.
# Patients without the outcome or without one of the terms are left out. The fit runs on
# standardised terms, which converges better; the coefficients printed are radiofib's own.
# Names of columns are texts in the lists at the end, never code.

features <- readRDS("features.rds")
has <- function(name) requireNamespace(name, quietly = TRUE)

# One row for each patient, as in radiofib: means of numbers, the commonest of texts (the first of
# equals); patients whose rows have different stages are left out.
stage <- as.character(features[["stage"]])
known <- !is.na(stage)
patient <- as.character(features[[if ("patient" %in% names(features)) "patient" else "case"]])
patient <- factor(patient[known], levels = unique(patient[known]))
stages <- tapply(stage[known], patient, function(s) if (length(unique(s)) == 1) s[1] else NA)
commonest <- function(s) {
  s <- s[!is.na(s)]
  if (length(s)) unique(s)[which.max(tabulate(match(s, unique(s))))] else NA_character_
}

term <- function(name, value) {
  column <- features[[name]][known]
  if (is.na(value)) return(tapply(as.numeric(column), patient, function(v) mean(v[!is.na(v)])))
  text <- tapply(as.character(column), patient, commonest)
  ifelse(is.na(text), NA, as.numeric(text == value))
}

refit <- function(m) {
  cat("\n", m$title, "\n", sep = "")
  x <- mapply(term, m$columns, m$values)
  x <- matrix(x, length(stages), length(m$columns))
  group <- m$group[match(stages, m$levels)]
  keep <- !is.na(group) & rowSums(is.na(x)) == 0
  x <- x[keep, , drop = FALSE]
  group <- group[keep]
  cat("patients:", sum(keep), " of each group:", table(group), "\n")
  centre <- colMeans(x)
  scale <- apply(x, 2, sd)
  z <- as.data.frame(sweep(sweep(x, 2, centre), 2, scale, "/"))
  names(z) <- paste0("x", seq_along(z))
  fits <- list(logistic = fit_glm, firth = fit_firth, proportional_odds = fit_ordinal)
  fit <- fits[[m$kind]](group, z)
  if (is.null(fit)) return(invisible(NULL))
  # Back to terms as they are, but for those whose coefficient is by standard deviation.
  centre[m$by_sd] <- 0
  scale[m$by_sd] <- 1
  shift <- sum(fit$slopes * centre / scale)
  cuts <- if (m$kind == "proportional_odds") fit$cuts + shift else fit$cuts - shift
  found <- c(cuts, fit$slopes / scale)
  cat("with", fit$by, "\n")
  cat(sprintf("%24s %24s %12s  %s\n", "R", "radiofib", "difference", "term"))
  cat(sprintf("%24.12f %24.12f %12.2e  %s\n", found, m$estimates, found - m$estimates,
              encodeString(m$names)), sep = "")
  invisible(found)
}

fit_glm <- function(group, z) {
  fit <- stats::glm(y ~ ., data = cbind(y = group, z), family = stats::binomial(),
                    control = stats::glm.control(epsilon = 1e-14, maxit = 100))
  list(by = "stats::glm", cuts = stats::coef(fit)[[1]], slopes = stats::coef(fit)[-1])
}

fit_firth <- function(group, z) {
  if (!has("logistf")) {
    cat("not refitted: install.packages(\"logistf\") for Firth's regression\n")
    return(NULL)
  }
  control <- logistf::logistf.control(maxit = 1000, maxstep = 1, lconv = 1e-12, gconv = 1e-10,
                                      xconv = 1e-12)
  fit <- logistf::logistf(y ~ ., data = cbind(y = group, z), pl = FALSE, control = control)
  list(by = "logistf::logistf", cuts = stats::coef(fit)[[1]], slopes = stats::coef(fit)[-1])
}

# logit P(stage <= k) = cut k - terms; lrm prints the negative of each cut.
fit_ordinal <- function(group, z) {
  data <- cbind(y = factor(group, ordered = TRUE), z)
  if (has("ordinal")) {
    fit <- ordinal::clm(y ~ ., data = data,
                        control = ordinal::clm.control(gradTol = 1e-10, maxIter = 200))
    return(list(by = "ordinal::clm", cuts = as.numeric(fit$alpha), slopes = as.numeric(fit$beta)))
  }
  if (has("rms")) {
    formula <- stats::reformulate(names(z), "y")
    fit <- rms::lrm(formula, data = data, maxit = 200, eps = 1e-12, tol = 1e-14)
    count <- nlevels(data$y) - 1
    return(list(by = "rms::lrm", cuts = -as.numeric(stats::coef(fit))[seq_len(count)],
                slopes = as.numeric(stats::coef(fit))[-seq_len(count)]))
  }
  cat("not refitted: install.packages(\"ordinal\") or install.packages(\"rms\")\n")
  NULL
}

# The models. group: 0 and 1 of a binary outcome, or the order of the stages.
