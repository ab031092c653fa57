"""Files of the shapes that people have, small ones that imitate them."""
