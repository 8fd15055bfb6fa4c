"""The plainest service for the same network: FastAPI and transformers' `pipeline`, as every tutorial has it.

``python -m benchmarks.plain_service FOLDER PORT``; the folder is one that transformers can load.
"""

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI, UploadFile
from PIL import Image
from transformers import pipeline

app = FastAPI()


@app.post("/classify")
def classify(photo: UploadFile) -> Any:
    """Return labels and scores."""
    return app.state.pipe(Image.open(photo.file))


if __name__ == "__main__":
    app.state.pipe = pipeline("image-classification", model=sys.argv[1])
    uvicorn.run(app, port=int(sys.argv[2]), access_log=False, log_level="warning")
