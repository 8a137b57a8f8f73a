# Standard errors of a mean rate by R: sandwich's vcovCL with three ways of clustering, and lme4's crossed
# random effects. Run in this folder: Rscript golden.R; it writes answers.csv (the answers, drawn here)
# and golden.csv (what R finds).
library(sandwich)
library(lme4)

set.seed(20)
workers <- 14; images <- 12
worker_effect <- rnorm(workers, 0, 0.7)
a_effect <- rnorm(images, 0, 0.8); b_effect <- rnorm(images, 0, 0.8)
size <- c(48, 30, 30, 24, 24, 18, 18, 18, 12, 12, 12, 8, 8, 6)  # answers of each worker: unequal
pairs <- unique(data.frame(a = sample(images, 60, TRUE, 1 / (1:images)), b = sample(images, 60, TRUE)))
rows <- do.call(rbind, lapply(1:workers, function(w) {
  shown <- pairs[sample(nrow(pairs), size[w], replace = size[w] > nrow(pairs)), ]
  data.frame(worker = w, image_a = shown$a, image_b = shown$b)
}))
eta <- 0.4 + worker_effect[rows$worker] + a_effect[rows$image_a] - b_effect[rows$image_b]
rows$chose_a <- rbinom(nrow(rows), 1, plogis(eta))
write.csv(rows, "answers.csv", row.names = FALSE, quote = FALSE)

fit <- lm(chose_a ~ 1, rows)
by <- function(ways) vcovCL(fit, cluster = ways, type = "HC0", cadjust = TRUE, multi0 = FALSE, data = rows)[1, 1]
mixed <- lmer(chose_a ~ 1 + (1 | worker) + (1 | image_a) + (1 | image_b), rows)
golden <- data.frame(
  what = c("worker", "image_a", "image_b", "worker+image_a+image_b", "lmer"),
  variance = c(by(~worker), by(~image_a), by(~image_b), by(~worker + image_a + image_b), vcov(mixed)[1, 1])
)
write.csv(format(golden, digits = 15), "golden.csv", row.names = FALSE, quote = FALSE)
