import importlib.util
import os
import site
import sys

found = []
for name in ["tribunal", "judge", "checker", "grader", "harness", "solution", "tests", "secret", "runner", "usercustomize"]:
    if importlib.util.find_spec(name):
        found.append("module " + name)
for folder in sys.path + site.getsitepackages() + [os.path.dirname(os.__file__)]:
    if not folder or folder in ("/w", os.getcwd()) or not os.path.isdir(folder):
        continue
    try:
        with open(os.path.join(folder, "usercustomize.py"), "w") as planted:
            planted.write("print('planted')")
        found.append("write to " + folder)
    except OSError:
        pass
try:
    open(os.__file__, "a").close()
    found.append("append to " + os.__file__)
except OSError:
    pass
for value in list(sys.modules) + sys.path + sys.argv + list(os.environ):
    if "tribunal" in value.lower():
        found.append(value)
if found:
    sys.exit("; ".join(found))
