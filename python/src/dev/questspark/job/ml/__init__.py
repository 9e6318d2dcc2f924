"""The Java stage's name as a Python module: how PipelineModel.load finds its Python class."""

from questspark.ml import LongDocTransformer

__all__ = ["LongDocTransformer"]
