"""Two versions beside each other on the same rows: which answers better, and is it more than chance?"""
