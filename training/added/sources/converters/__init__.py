"""Run in the converting process: each opens models of one library, and makes ONNX and answers of them."""
