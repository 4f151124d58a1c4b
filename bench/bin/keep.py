"""Copy the pages of one call of wkhtmltopdf before it runs: keep.py FOLDER PROGRAM ARGUMENT…

FOLDER then holds the copies and ``calls.json``, a list of argument lists that name them.
"""

import json
import os
import shutil
import sys
from pathlib import Path

folder, program, *arguments = sys.argv[1:]
folder = Path(folder)
calls_file = folder / "calls.json"
calls = json.loads(calls_file.read_text()) if calls_file.exists() else []
kept = []
for place, argument in enumerate(arguments):
    if argument.endswith(".html") and os.path.isfile(argument):
        copy = folder / f"{len(calls)}-{place}.html"
        shutil.copyfile(argument, copy)
        argument = str(copy)
    kept.append(argument)
# the last argument is the PDF that is written
calls.append([*kept[:-1], str(folder / f"{len(calls)}.pdf")])
calls_file.write_text(json.dumps(calls))
os.execv(program, [program, *arguments])
