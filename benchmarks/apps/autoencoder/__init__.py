"""The autoencoder, 50 floats in, one float out."""
