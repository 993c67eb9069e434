"""Streams an archive with Hugging Face's datasets, in the environment of its own.

    python datasets_child.py ADDRESS CACHE [S3_ENDPOINT KEY SECRET]

Prints a line of JSON: by picture its size and its objects.
"""

import json
import os
import sys


def main() -> None:
    address, cache, *s3 = sys.argv[1:]
    os.environ |= {"HF_HOME": cache, "HF_HUB_OFFLINE": "1"}
    # It opens pictures without `storage_options`.
    names = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    os.environ |= dict(zip(names, s3, strict=False))
    import datasets

    read = datasets.load_dataset("imagefolder", data_files=address, streaming=True, split="train")
    found = [{**one, "image": one["image"].size} for one in read]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
