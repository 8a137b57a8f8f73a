# A mixed model of a report's judgments.csv, beside the rates and intervals that Glimpse gives.
#
#     Rscript examples/mixed_model.R report/judgments.csv
#
# Needs R with lme4 (install.packages("lme4"); on Debian and Ubuntu: apt-get install r-cran-lme4).
# docs/mixed-models.md says what the model is, and where the two differ.

suppressPackageStartupMessages(library(lme4))

arguments <- commandArgs(trailingOnly = TRUE)
path <- if (length(arguments)) arguments[1] else "report/judgments.csv"
if (!file.exists(path)) stop(path, " is not there; name the judgments.csv that analyze wrote.")

# Names stay texts: item 007 is not 7.
names_of_columns <- names(read.csv(path, nrows = 1, check.names = FALSE))
kinds <- ifelse(names_of_columns %in% c("exposure_ms", "chose_a", "sentinel", "excluded"), "numeric", "character")
answers <- read.csv(path, colClasses = kinds, check.names = FALSE, encoding = "UTF-8")
if (!"chose_a" %in% names(answers)) stop(path, " has no column chose_a: this script is for studies of pairs.")
# What Glimpse analyses: neither sentinels nor what was excluded. A tie is no choice, and is left out here.
answers <- subset(answers, sentinel == 0 & excluded == 0 & !is.na(chose_a))
answers <- subset(answers, question == answers$question[1])
answers$image_a <- paste(answers$condition_a, answers$item_a)
answers$image_b <- paste(answers$condition_b, answers$item_b)

# The rate over all workers and images: the mean of plogis(eta + effects) over normal effects.
marginal <- function(eta, sd) {
  sapply(eta, function(one) integrate(function(z) plogis(one + sd * z) * dnorm(z), -8, 8)$value)
}

rates <- NULL
for (contrast in unique(answers$contrast)) {
  own <- answers[answers$contrast == contrast, ]
  own$cell <- factor(ifelse(is.na(own$exposure_ms), "unlimited", own$exposure_ms))
  effects <- if (all(own$item_a == own$item_b)) "(1 | item_a)" else "(1 | image_a) + (1 | image_b)"
  fixed <- if (nlevels(own$cell) > 1) "0 + cell" else "1"
  model <- glmer(as.formula(paste("chose_a ~", fixed, "+ (1 | worker) +", effects)), own, binomial,
                 control = glmerControl(optimizer = "bobyqa", check.conv.singular = "ignore"))
  spread <- as.data.frame(VarCorr(model))
  sd <- sqrt(sum(spread$vcov))
  eta <- fixef(model)
  half <- qnorm(0.975) * sqrt(diag(as.matrix(vcov(model))))
  cat(contrast, "- standard deviations:", paste(spread$grp, round(spread$sdcor, 2), collapse = ", "), "\n")
  rates <- rbind(rates, data.frame(
    contrast = contrast, exposure_ms = as.numeric(sub("unlimited", NA, levels(own$cell))),
    n = as.vector(table(own$cell)),
    rate = marginal(eta, sd), low = marginal(eta - half, sd), high = marginal(eta + half, sd)
  ))
}

# Glimpse's own, from the file beside it: those with the report's sentinel filter come first.
beside <- file.path(dirname(path), "preference.csv")
if (file.exists(beside)) {
  ours <- read.csv(beside, check.names = FALSE)
  ours <- ours[!duplicated(ours[c("contrast", "exposure_ms")]), ]
  place <- match(paste(rates$contrast, rates$exposure_ms), paste(ours$contrast, ours$exposure_ms))
  rates <- cbind(rates, glimpse = ours[place, c("rate", "low", "high")])
}
rates <- rates[order(rates$contrast, rates$exposure_ms), ]
numbers <- sapply(rates, is.numeric) & !names(rates) %in% c("exposure_ms", "n")
rates[numbers] <- lapply(rates[numbers], function(one) sprintf("%.3f", one))
options(width = 200)
print(rates, row.names = FALSE)
