"""The stage of Spark ML pipelines, in classic sessions and in Spark Connect."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.util import JavaMLReadable, JavaMLWritable
from pyspark.ml.wrapper import JavaTransformer

from questspark._options import ALIASES, STAGE_PARAMETERS, QueryOptions
from questspark._texts import given, text, texts

if TYPE_CHECKING:
    from typing_extensions import Unpack

JAVA_CLASS = "dev.questspark.job.ml.LongDocTransformer"


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda start: start.group(1).upper(), name)


class LongDocTransformer(JavaTransformer, JavaMLReadable["LongDocTransformer"], JavaMLWritable):
    """Adds a column of summaries, or of answers to a question, to a column of long texts.

    Options are those of the SQL functions, by their names (``max_tokens=24``); as parameters they
    are called in lower camel case (``maxTokens``), as in Java.
    """

    #: PySpark finds the Java class of a saved stage by its Python module, and the reverse.
    __module__ = "dev.questspark.job.ml"

    def __init__(
        self,
        *,
        inputCol: str | None = None,
        outputCol: str | None = None,
        questionCol: str | None = None,
        question: str | None = None,
        task: Literal["answer", "summarize"] | None = None,
        onError: Literal["fail", "record", "null"] | None = None,
        **options: Unpack[QueryOptions],
    ) -> None:
        super().__init__()
        self._java_obj = self._new_java_obj(JAVA_CLASS, self.uid)
        self._setDefault(outputCol=self.uid + "__output", task="answer", onError="fail")
        self.setParams(
            inputCol=inputCol,
            outputCol=outputCol,
            questionCol=questionCol,
            question=question,
            task=task,
            onError=onError,
            **options,
        )

    def setParams(
        self,
        *,
        inputCol: str | None = None,
        outputCol: str | None = None,
        questionCol: str | None = None,
        question: str | None = None,
        task: Literal["answer", "summarize"] | None = None,
        onError: Literal["fail", "record", "null"] | None = None,
        **options: Unpack[QueryOptions],
    ) -> LongDocTransformer:
        """Sets what is not None; an unknown option is an error here."""
        own: dict[str, Any] = dict(
            inputCol=inputCol,
            outputCol=outputCol,
            questionCol=questionCol,
            question=question,
            task=task,
            onError=onError,
        )
        for given_name, value in given(dict(options)).items():
            name = ALIASES.get(given_name, given_name)
            if name not in _LISTS:
                raise TypeError(f"{type(self).__name__} has no option {name!r}; see questspark.QueryOptions")
            own[_camel(name)] = texts(value) if _LISTS[name] else ",".join(texts(value))
        self._set(**given(own))
        return self

    @staticmethod
    def _from_java(java_stage: Any) -> Any:
        stage = LongDocTransformer()
        stage._java_obj = java_stage
        stage._resetUid(java_stage.uid())
        stage._transfer_params_from_java()
        return stage


#: Option to whether it takes a list.
_LISTS = dict(STAGE_PARAMETERS)


def _parameters() -> None:
    owner = Params._dummy()
    single: dict[str, str] = {
        "inputCol": "column of the documents' texts",
        "outputCol": "column that receives the answers",
        "questionCol": "column of the questions, for task answer",
        "question": "one question for all documents, for task answer",
        "task": "summarize or answer",
        "onError": "fail, null, or record for a struct of text, error_code and error_message",
    }
    for name, sentence in single.items():
        setattr(LongDocTransformer, name, Param(owner, name, sentence, typeConverter=TypeConverters.toString))
    for option, several in STAGE_PARAMETERS:
        convert = TypeConverters.toListString if several else text
        name = _camel(option)
        setattr(LongDocTransformer, name, Param(owner, name, f"the option {option}", typeConverter=convert))


_parameters()

__all__ = ["LongDocTransformer"]
