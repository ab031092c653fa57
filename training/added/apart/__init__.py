"""A model is inspected in a process of its own: a graph may crash the engine, take all memory, or run for ever."""
