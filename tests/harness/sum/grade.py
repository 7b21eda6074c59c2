"""Grades a program that reads numbers and prints their sum, without ever starting it in this box."""

import json

import tribunal_box

CASES = [("small", 4, "1 2\n", "3"), ("secret", 6, "20 22 8\n", "50")]
RESULTS = "/autograder/results/results.jsonl"

with open(RESULTS, "a") as file:
    for name, points, given, wanted in CASES:
        ran = tribunal_box.run(["python3", "sum.py"], stdin=given, cpu_time=2)
        passed = ran.status == "exited" and ran.exit_code == 0 and ran.stdout.strip() == wanted
        said = "ok" if passed else ran.reason or f"printed {ran.stdout[:40]!r}"
        score = points if passed else 0
        test = {"name": name, "score": score, "max_score": points, "output": said}
        file.write(json.dumps({"test": test}) + "\n")
        file.flush()
    file.write('{"done": true}\n')
