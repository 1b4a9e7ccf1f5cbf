# Probability of each stage from a table of features, in base R (3.5 or newer).
#
#   source("predict_stage.R")
#   model <- readRDS("model.rds")
#   predict_stage(readRDS("features.rds"), model)
#
# data: data frame with the model's columns (model$features, and model$scanner_column where the
# model knows scanners), by name and in any order; other columns are ignored. NA is a missing
# feature. Returns one row for each row of data: p_<stage> for each stage, and the most probable
# stage. Nothing of the model stands in this file: it is all in model.rds.

predict_stage <- function(data, model = readRDS("model.rds")) {
  x <- model_inputs(as.data.frame(data), model)
  p <- model_link(if (model$kind == "trees") walk_trees(x, model) else linear_part(x, model), model)
  p <- p / rowSums(p)
  best <- max.col(p, ties.method = "first")
  result <- as.data.frame(p)
  names(result) <- paste0("p_", model$classes)
  result$predicted <- factor(model$classes[best], levels = model$classes)
  result
}

model_inputs <- function(data, model) {
  wanted <- c(model$features, model$scanner_column)
  absent <- setdiff(wanted, names(data))
  if (length(absent))
    stop(length(absent), " columns of the model are not in the data: ",
         paste(utils::head(absent, 5), collapse = ", "), call. = FALSE)
  columns <- lapply(model$features, function(name) {
    column <- data[[name]]
    if (!is.numeric(column) && !all(is.na(column)))
      stop("column is not numeric: ", name, call. = FALSE)
    if (any(is.infinite(column))) stop("column holds infinity: ", name, call. = FALSE)
    as.numeric(column)
  })
  x <- matrix(as.numeric(unlist(columns)), nrow(data), length(columns))
  if (length(model$medians))
    for (j in seq_len(ncol(x))) x[is.na(x[, j]), j] <- model$medians[j]
  if (!length(model$scanners)) return(x)
  scanner <- data[[model$scanner_column]]
  if (is.factor(scanner)) scanner <- as.character(scanner)
  flags <- vapply(seq_along(model$scanners), function(k) {
    same <- scanner == model$scanners[k]
    as.numeric(!is.na(same) & same)
  }, numeric(nrow(data)))
  cbind(x, matrix(flags, nrow(data), length(model$scanners)))
}

linear_part <- function(x, model) {
  slopes <- matrix(model$coefficients, ncol(x))
  eta <- sweep(sweep(x, 2, model$centre), 2, model$scale, "/") %*% slopes
  if (model$link %in% c("cumulative", "continuation")) eta else sweep(eta, 2, model$intercepts, "+")
}

# Trees compare in single precision; each passes its rows down level by level.
walk_trees <- function(x, model) {
  nodes <- model$trees
  single <- readBin(writeBin(as.vector(x), raw(), size = 4), "numeric", length(x), size = 4)
  values <- matrix(model$values, nrow(nodes))
  total <- matrix(model$base, nrow(x), ncol(values), byrow = TRUE)
  rows <- seq_len(nrow(x))
  for (root in which(!duplicated(nodes$tree))) {
    node <- rep(root, nrow(x))
    repeat {
      inner <- which(nodes$column[node] > 0)
      if (!length(inner)) break
      at <- node[inner]
      value <- single[(nodes$column[at] - 1) * nrow(x) + rows[inner]]
      left <- if (model$strict) value < nodes$threshold[at] else value <= nodes$threshold[at]
      left[is.na(value)] <- nodes$missing_left[at][is.na(value)]
      node[inner] <- ifelse(left, nodes$left[at], nodes$right[at])
    }
    total <- total + values[node, , drop = FALSE]
  }
  total
}

model_link <- function(eta, model) {
  switch(model$link,
    mean = eta,
    softmax = exp(eta - apply(eta, 1, max)),
    logit = cbind(stats::plogis(-eta), stats::plogis(eta)),
    cumulative = {
      below <- below_cut(eta, model)
      cbind(below, 1) - cbind(0, below)
    },
    continuation = {
      stop <- below_cut(eta, model)
      reached <- cbind(1, 1 - stop)
      for (k in seq_len(ncol(stop))) reached[, k + 1] <- reached[, k] * reached[, k + 1]
      reached * cbind(stop, 1)
    })
}

below_cut <- function(eta, model) stats::plogis(outer(-eta[, 1], model$intercepts, "+"))
