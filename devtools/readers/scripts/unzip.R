# Extracts an archive into the folder in which it is started, with R's own unzip.
options(warn = 2)
unzip(commandArgs(trailingOnly = TRUE)[1], exdir = ".", unzip = "internal")
