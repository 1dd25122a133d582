"""KnowTrace: from students' answers to an honest picture of what each of them knows."""

__version__ = "0.1.0"

__all__ = ["__version__"]
