"""MLflow pointed at another store for a while."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping


@contextlib.contextmanager
def elsewhere(variables: Mapping[str, str]) -> Iterator[None]:
    """Inside, this process has these variables too and MLflow uses the store that they name; then all is as before.

    variables: MLFLOW_TRACKING_URI and, if wanted, MLFLOW_EXPERIMENT_ID and others.
    """
    import mlflow

    before, uri = dict(os.environ), mlflow.get_tracking_uri()
    os.environ.update(variables)
    mlflow.set_tracking_uri(variables["MLFLOW_TRACKING_URI"])
    try:
        yield
    finally:
        mlflow.set_tracking_uri(uri)
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update(before)
