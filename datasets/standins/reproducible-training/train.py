"""Train the fraud model as a configuration says, and log one run: python train.py CONFIG"""

import hashlib
import io
import logging
import platform
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.models import infer_signature
from recipe import features, fit, split
from settings import read_config
from sklearn.metrics import average_precision_score

HERE = Path(__file__).parent
LIBRARIES = ["numpy", "pandas", "scikit-learn", "mlflow"]
logging.getLogger("mlflow.sklearn").setLevel(logging.ERROR)  # the warning of cloudpickle
warnings.filterwarnings("ignore", message=".*[Ii]nferred schema contains integer column.*")


def main(config_file):
    """Train by this configuration and log the run. Returns the run's id."""
    config = read_config(config_file)
    data = Path(config["data"]).read_bytes()
    try:
        table = pd.read_parquet(io.BytesIO(data))
    except Exception as error:
        raise ValueError(f"{config['data']} cannot be read: {error}") from error
    train, test = split(config, table)
    inputs = test[features(config, train)]
    model = fit(config, train)
    chances = model.predict_proba(inputs)  # (rows, 2)
    with mlflow.start_run() as run:
        mlflow.log_params(config)
        mlflow.log_params({"data_sha256": hashlib.sha256(data).hexdigest()})
        mlflow.log_params({"python": platform.python_version()} | {name: version(name) for name in LIBRARIES})
        precision = average_precision_score(test["is_fraud"], chances[:, 1])
        mlflow.log_metrics({"average_precision": precision, "base_rate": test["is_fraud"].mean()})
        mlflow.log_metrics({"train_rows": len(train), "test_rows": len(test)})
        mlflow.log_dict(config, "config.json")
        for name in ("settings.py", "recipe.py", "train.py"):
            mlflow.log_artifact(HERE / name)
        mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(inputs, chances),
            input_example=inputs.head(),
            pip_requirements=["scikit-learn"],
            pyfunc_predict_fn="predict_proba",
            serialization_format="cloudpickle",
        )
    return run.info.run_id


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
