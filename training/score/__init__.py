"""Batch scoring: a file of questions to a file of answers, by one published version, with Ray Data."""
