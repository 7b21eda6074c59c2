"""A course's autograder of the common kind: it imports the submission and writes results.json at the end."""

import json
import sys

sys.path.insert(0, "/autograder/submission")
tests = []


def test(name, points, visibility, claim):
    try:
        passed = claim()
        output = "ok" if passed else "the result is wrong"
    except BaseException as error:  # a submission may raise anything
        passed, output = False, repr(error)
    tests.append({
        "name": name, "max_score": points, "score": points if passed else 0,
        "visibility": visibility, "output": output,
    })


def add(a, b):
    import calc
    return calc.add(a, b)


test("adds", 2, "visible", lambda: add(1, 2) == 3)
test("adds below zero", 1.5, "after_due_date", lambda: add(-5, 2) == -3)
test("adds large numbers", 1.5, "hidden", lambda: add(10**30, 1) == 10**30 + 1)
with open("/autograder/submission_metadata.json") as file:
    who = json.load(file)["users"][0]["name"]
with open("/autograder/results/results.json", "w") as file:
    json.dump({"tests": tests, "output": f"graded {who}", "stdout_visibility": "hidden"}, file)
print("secret: the large number is 10**30")
